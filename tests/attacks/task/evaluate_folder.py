"""Compare the answers in the folder out of the candidate with those of one file."""

from marking import CANDIDATE, answers, demand_rule, report

right = answers()
demand_rule()
report((CANDIDATE / "out" / "answers.txt").read_text().split(), right)
