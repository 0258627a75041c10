"""Bodies of responses: streamed, decoded within bounds, and gone on with where they broke."""
