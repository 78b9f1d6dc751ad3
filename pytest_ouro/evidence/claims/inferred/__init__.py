"""Infer what the words of a ledger mean from what became of the code of its rows."""
