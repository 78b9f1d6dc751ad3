"""Render rule results and runs: as text, JSON, SARIF, JUnit XML, annotations, live progress."""
