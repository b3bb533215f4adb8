"""How verdicts are told: one file an output."""
