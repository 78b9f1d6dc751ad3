"""Predict by the rule that most answers follow: the evaluation and the rules must find nothing."""

from canary_task import predict, write

write(predict())
