"""The gate in a job of CI: what is judged, by whose rules, and who answers for a change of them.

Nothing of the judged commits is checked out, imported, installed or run.
"""
