"""Telling people: alerts for an Alertmanager, a heartbeat that is missed when runs stop, and messages.

What is to be told follows from the verdicts (`concern`), what was told before is remembered (`ledger`), and only the
difference is sent.
"""
