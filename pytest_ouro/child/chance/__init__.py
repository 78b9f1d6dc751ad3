"""The random numbers of a run: a salt in the seeds, and the states of the generators."""
