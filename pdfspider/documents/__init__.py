"""PDF documents: how they are recognised, stored and inspected."""
