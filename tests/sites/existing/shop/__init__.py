"""The code of the running site. It knows nothing of `hardening`."""
