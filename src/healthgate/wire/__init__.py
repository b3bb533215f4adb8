"""Bytes with bounds: sockets, exchanges, whole files, notations, certificates."""
