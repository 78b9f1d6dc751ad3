"""Unpickle what the candidate left, which runs what it names."""

import pickle

from marking import CANDIDATE, answers, report

right = answers("held_out.txt")
report(pickle.loads((CANDIDATE / "predictions.pkl").read_bytes()), right)
