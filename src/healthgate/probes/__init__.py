"""The protocols requests are made in, one file each. They know their protocol and nothing of checks."""
