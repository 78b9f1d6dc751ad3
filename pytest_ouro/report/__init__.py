"""Render rule results (as text, JSON, SARIF, JUnit XML, Markdown, annotations), the progress of
runs, briefs and simulated nights."""
