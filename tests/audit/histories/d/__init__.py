"""Set D, written without a look at the audit, in domains and ledgers of its own."""
