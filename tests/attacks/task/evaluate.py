"""Compare the predictions with the answers, then ask the candidate's program new questions."""

from marking import CANDIDATE, answers, demand_rule, report

right = answers("held_out.txt")
demand_rule()
report((CANDIDATE / "predictions.txt").read_text().split(), right)
