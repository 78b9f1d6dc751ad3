"""Observe the repository, trust, dependencies, journal and ledger. Nothing here judges."""
