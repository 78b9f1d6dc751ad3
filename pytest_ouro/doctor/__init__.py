"""Report what is enforced here and what is not: ``pytest-ouro doctor``."""
