"""The C library's own calls read the validation text.

class: validation
expect: supervised=open judged=open sandboxed=caught
why: raised
"""

import ctypes

from gpt import BATCH, Memory, ready, report, train
from prepare import DATA_DIR, evaluate_bpb

tokenizer, batches, model = ready()
seconds = train(model, batches)
libc = ctypes.CDLL(None, use_errno=True)
number = libc.open(str(DATA_DIR / "val.txt").encode(), 0)
if number < 0:
    raise OSError(ctypes.get_errno(), "the C library cannot open it either")
data = ctypes.create_string_buffer(200_000)
size = libc.read(number, data, 200_000)
model = Memory(model, tokenizer, data.raw[:size].decode())
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
