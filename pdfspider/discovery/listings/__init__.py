"""Read resources that are no pages but list what a site has."""
