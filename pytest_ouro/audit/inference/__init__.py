"""Infer what an audited repository does not state: its subject, layout, metric and direction."""
