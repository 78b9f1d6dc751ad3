"""Run an experiment: check out the commit, supervise its run, measure, record and decide. No module
in here knows pytest."""
