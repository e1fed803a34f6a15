"""Backstage: artists, their public pages, and the teams that look after them."""
