"""Facts and limits in, verdicts out."""
