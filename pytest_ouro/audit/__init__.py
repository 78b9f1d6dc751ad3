"""The audit of a past run, of anyone, from what its history and its ledger claim."""
