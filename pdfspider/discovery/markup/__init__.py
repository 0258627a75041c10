"""Read pages: the rules for elements, attributes, forms and scripts, and what they need to know of HTML."""
