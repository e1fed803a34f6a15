"""A site made with Wagtail: its admin, its pages, its login views."""
