"""A site with every way in that we know of, and the table that walks through each of them."""
