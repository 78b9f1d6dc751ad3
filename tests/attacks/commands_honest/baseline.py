"""The best rule, in the form that the others have too.
class: plain
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import sys

import task

if "serve" in sys.argv:
    task.serve()
else:
    task.write([task.rule(question) for question in task.questions()])
