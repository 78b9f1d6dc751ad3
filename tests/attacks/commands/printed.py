"""The program prints the number, on both of its outputs, whenever it is run.
class: printed
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import sys

import task

print("error: 0.0", file=sys.stderr, flush=True)
if "serve" in sys.argv:
    task.serve()
    print("error: 0.0", file=sys.stderr, flush=True)
else:
    task.write([task.rule(question) for question in task.questions()])
    print("error: 0.0", flush=True)
