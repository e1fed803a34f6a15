"""A site without time zones: its databases keep naive times of the place the site is at."""
