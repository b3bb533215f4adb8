"""A project of one's own to start from, made by one command."""
