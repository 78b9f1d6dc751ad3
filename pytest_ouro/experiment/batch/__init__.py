"""Many experiments at once, in the process that you start: choose what is measured and when, record
it, and decide. Workers measure: see `pytest_ouro.experiment.engines`."""
