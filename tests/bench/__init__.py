"""What the app costs, measured against plain Django in one run: `make bench`."""
