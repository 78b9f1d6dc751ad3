"""Code that runs in the project's own Python: the launcher of a run, and the judge of its metric.

It imports the standard library, torch if the experiment has it, and no other part of pytest_ouro,
which may not be installed there. The supervisor calls ``python -B <this folder> ROLE FD``, where FD
is a socket to the supervisor; the roles of the folder ``evaluation`` are given words instead.
"""
