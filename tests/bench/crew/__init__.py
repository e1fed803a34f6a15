"""An app of the measured site: who works for whom."""
