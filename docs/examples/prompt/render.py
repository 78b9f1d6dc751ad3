"""Fill each task into the prompt, as an agent would send it, and write what results."""

import json
import sys
from pathlib import Path

prompt = Path("prompt.md").read_text(encoding="utf-8")
if prompt.count("{change}") != 1:
    sys.exit("prompt.md must have {change} once, where the change is filled in")
tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
filled = [prompt.replace("{change}", task) for task in tasks]
Path("prompts.txt").write_text(json.dumps(filled), encoding="utf-8")
print(f"wrote {len(filled)} prompts")
