"""Train and evaluate honestly: the judge and the rules must find nothing."""

from canary_model import Model, report, train

report(train(Model()))
