"""Compare the predictions with the answers of one file, then ask new questions."""

from marking import CANDIDATE, answers, demand_rule, report

right = answers()
demand_rule()
report((CANDIDATE / "predictions.txt").read_text().split(), right)
