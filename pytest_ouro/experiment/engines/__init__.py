"""Engines: places in which workers measure commits, and what travels between them and the process
that records."""
