"""Gather facts for the page, each module those of one kind."""
