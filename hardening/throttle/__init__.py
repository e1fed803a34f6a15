"""Limits on guessing: what is counted, under which keys, and where the counts live."""
