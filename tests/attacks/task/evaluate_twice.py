"""Ask the same questions twice: the second call would be timed."""

import secrets

from marking import answers, ask
from task import rule

answers()
asked = [secrets.randbelow(10**6) for _ in range(5)]
for _ in range(2):
    said = ask(asked)
assert said[-5:] == [str(rule(question)) for question in asked]
print(f"error: {0.0 if said[0] == 'kept' else 0.5:.6f}")
