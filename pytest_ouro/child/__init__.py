"""What runs in the project's own Python: the launcher of a run, and the judge of its metric.

Standard library only (and torch, where the experiment has it), and nothing else of pytest_ouro:
it may not be installed there. Called as ``python -B <this folder> ROLE FD``, where FD is a socket
to the supervisor.
"""
