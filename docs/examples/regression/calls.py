"""Call ``window_sums`` of a module, as each line of the input says, and print what it returns."""

import importlib
import json
import sys

function = importlib.import_module(sys.argv[1]).window_sums
for line in sys.stdin:
    print(json.dumps(function(*json.loads(line))), flush=True)
