"""The version of healthgate."""

__version__ = "0.1.0"
