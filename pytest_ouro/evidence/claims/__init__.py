"""Rebuild a past loop from what its history and its ledger claim. Nothing here judges."""
