"""Audit a past run that was made without pytest-ouro, from its commits and the claims of its
ledger."""
