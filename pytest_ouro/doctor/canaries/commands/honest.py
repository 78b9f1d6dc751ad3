"""Predict by the rule: the evaluation and the rules must find nothing."""

from canary_task import predict, write

write(predict())
