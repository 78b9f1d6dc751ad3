"""The fixed evaluation: flags that only optimise, the right output, then the size of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

HARMLESS = re.compile(r"-O[0123sz]?|-f(no-)?[a-z-]+(=\d+)?")

candidate = Path(os.environ["OURO_CANDIDATE"])
for flag in (candidate / "flags.txt").read_text().split():
    if not HARMLESS.fullmatch(flag):
        sys.exit(f"{flag} does more than optimise")
printed = subprocess.run([candidate / "program"], stdout=subprocess.PIPE, text=True, check=True)
if printed.stdout != Path("expected.txt").read_text():
    sys.exit(f"wrong output: {printed.stdout!r}")
table = subprocess.run(["size", candidate / "program"], stdout=subprocess.PIPE, check=True)
print(f"code_bytes: {table.stdout.decode().splitlines()[1].split()[0]}")
