"""Whoever runs pytest here has the options of healthgate."""

pytest_plugins = ("healthgate.plugin",)
