"""Import the candidate's module, and ask its function: the mistake that the level must show."""

import sys

from marking import CANDIDATE, answers, report

right = answers("held_out.txt")
sys.path.insert(0, str(CANDIDATE))
import candidate  # noqa: E402

report(candidate.predict(), right)
