"""Backstage: the demo site around the reusable app `hardening`."""
