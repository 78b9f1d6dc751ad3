"""The fixed evaluation: the points that the rubric gives to the prompts, in per cent.

Put your own scorer in its place: it reads text, and prints one number.
"""

import json
import os
import re
import sys
from pathlib import Path

rubric = json.loads(Path("rubric.json").read_text(encoding="utf-8"))
tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
candidate = Path(os.environ["OURO_CANDIDATE"], "prompts.txt")
prompts = json.loads(candidate.read_text(encoding="utf-8"))
if len(prompts) != len(tasks) or any(a not in b for a, b in zip(tasks, prompts, strict=True)):
    sys.exit("a prompt lacks its task")
points = 0
for line in rubric:
    met = sum(bool(re.search(line["pattern"], text, re.IGNORECASE)) for text in prompts)
    points += line["points"] * met / len(prompts)
    print(f"{line['asks']}, {met} of {len(prompts)} prompts, {line['points']} points each")
most = sum(line["points"] for line in rubric if line["points"] > 0)
pairs = zip(tasks, prompts, strict=True)
print(f"words: {max(len(text.replace(task, '').split()) for task, text in pairs)}")
print(f"score: {100 * points / most:.2f}")
