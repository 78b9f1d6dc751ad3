"""Every error that the project reports, one function each, grouped by subject.

A function takes what varies and returns the error to raise. Its docstring says when it is raised.
``docs/messages.md`` is generated from these functions, and ``tests/test_messages.py`` refuses an
error that is built anywhere else. Findings are not errors: each check builds its own.
"""
