"""Commands for operators, and what they share."""
