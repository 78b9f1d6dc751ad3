"""The programs of ``pytest-ouro doctor --selftest``: a small harness, a model, and scripts that
train it, each honest or with one cheat. They are copied, never imported here; ``plain`` holds a
harness and a model for machines without torch, ``commands`` the canaries of a ``command``."""
