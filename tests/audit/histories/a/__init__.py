"""Set A: the half of the corpus that the auditor was built with."""
