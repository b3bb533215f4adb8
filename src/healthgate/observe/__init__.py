"""The asking: which requests, each once, and what came."""
