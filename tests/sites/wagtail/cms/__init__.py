"""The one app of the site's own: a kind of page."""
