"""What was observed: repository, trust, dependencies, journal, ledger. Observes, never judges."""
