"""What ``pytest-ouro doctor --selftest`` runs: a harness in miniature, a model, and programs that
train it, each honest or with one cheat. None of them is imported here; ``plain`` stands in for
harness and model where there is no torch."""
