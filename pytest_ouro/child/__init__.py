"""Code that runs in the project's own Python: the launcher, the judge, the test of the sandbox, and
the programs of an evaluation.

It imports the standard library, torch if the experiment has it, and its own modules only:
pytest_ouro may be missing in that Python. The supervisor starts ``python -B FOLDER ROLE FD``: this
folder, the name of a module, and a socket to the supervisor. The modules of ``evaluation`` get
words instead of FD.
"""
