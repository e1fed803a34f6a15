"""Migrations of Backstage."""
