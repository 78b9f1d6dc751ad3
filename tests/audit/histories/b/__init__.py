"""Set B: the half of the corpus that the auditor had not seen before its first run on it."""
