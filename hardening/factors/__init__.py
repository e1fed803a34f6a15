"""Second factors and what else a sign-in can prove; each module knows one thing."""
