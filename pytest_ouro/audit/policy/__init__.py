"""Judge a submission to a leaderboard by the leaderboard's own rule, which a policy file states."""
