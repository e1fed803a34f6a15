"""The drill: attacks the site's own login in a throwaway database and counts what got through.

`population` says who exists and signs in, `attackers` and `stuffers` who attacks and how; `stage`
builds the throwaway site in one of its `variants`: without the app, with it, with the breach check
(`stolen`) as well. `play` runs one attack on it over a `wire`, `owners` of stolen passwords do what
they are asked to, `umpire` counts by rules of its own what should never have been judged,
`promises` says what must hold, `report` and `plot` show it.

A smaller drill is a *shorter* one, not a smaller site: tries come as often as they would against
`FULL_ACCOUNTS` accounts, for a part of the day. The alarm of a site counts failures in ten minutes,
so an attack thinned out would be another attack.

The trap: this package is for operators. Nothing that serves requests may import it.
"""
