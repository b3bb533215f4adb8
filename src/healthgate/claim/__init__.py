"""What is claimed, and nothing else: limits, windows, facts, sources, checks."""
