"""How judgements and runs are told: text for people and agents, one form everywhere."""
