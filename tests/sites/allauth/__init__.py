"""A site whose sign-in is django-allauth, set up as `docs/howto/allauth.md` says."""
