"""Whoever runs pytest here has the options of healthgate, and its hooks."""

pytest_plugins = ("healthgate.plugin",)
