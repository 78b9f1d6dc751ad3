"""What is enforced here and what is not, in plain words: ``pytest-ouro doctor``."""
