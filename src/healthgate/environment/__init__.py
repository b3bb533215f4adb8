"""Where checks run: profiles, their maintenance, what they start."""
