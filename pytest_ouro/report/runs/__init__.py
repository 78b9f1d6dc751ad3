"""What the commands ``log``, ``show`` and ``watch`` say about recorded runs."""
