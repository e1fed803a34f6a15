"""Whether a password is known from a breach: the sources, and the search through them.

`local` comes first and is always there, then what `HARDENING["BREACH_SOURCES"]` names: `corpus`,
a file with the whole of Pwned Passwords, and `api`, its range API. Each answers `HIT`, `CLEAN` or
`UNKNOWN` (`hardening.core.pwned`).
"""
