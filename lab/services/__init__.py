"""The services of the reference stack."""
