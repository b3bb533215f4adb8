"""One run: plan, observe, judge."""
