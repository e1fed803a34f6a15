"""Floor 0: decides. Values in, values out; no Django, no clock, no dice, no network."""
