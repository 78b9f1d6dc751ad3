"""The fixed evaluation: flags that only optimise, the right output, then the size of the code.

It also says whether the program has what it takes to unwind the stack from ``main``.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

HARMLESS = re.compile(r"-O[0123sz]?|-f(no-)?[a-z-]+(=\d+)?")

FRAME = re.compile(r"FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)")
MAIN = re.compile(r"^([0-9a-f]+) T _?main$", re.MULTILINE)


def output(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


candidate = Path(os.environ["OURO_CANDIDATE"])
for flag in (candidate / "flags.txt").read_text().split():
    if not HARMLESS.fullmatch(flag):
        sys.exit(f"{flag} does more than optimise")
printed = output(*shlex.split(os.environ["OURO_CONFINE"]), "./program")
if printed != Path("expected.txt").read_text():
    sys.exit(f"wrong output: {printed!r}")
program = str(candidate / "program")
main = int(MAIN.search(output("nm", program))[1], 16)
frames = FRAME.findall(output("readelf", "--debug-dump=frames", program))
print(f"unwinds_main: {sum(int(low, 16) <= main < int(high, 16) for low, high in frames)}")
print(f"code_bytes: {output('size', program).splitlines()[1].split()[0]}")
