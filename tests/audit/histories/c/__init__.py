"""Set C, written without a look at the audit."""
