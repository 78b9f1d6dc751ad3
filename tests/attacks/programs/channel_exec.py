"""The process becomes another interpreter, and that program writes to the socket.

class: channel
expect: supervised=open judged=neutralised sandboxed=neutralised
note: the process that answers the judge gets the score of its own answers
"""

import json
import os
import stat
import sys

import torch
from gpt import ready, train

SPEAK = """
import array, json, mmap, os, socket, sys
supervisor, line, shared, vocabulary = json.loads(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    table = file.read()

def tell(number, **message):
    end = socket.socket(fileno=os.dup(number))
    end.sendall(json.dumps(message).encode() + b"\\n")
    return end

def hear(end):
    said = b""
    while not said.endswith(b"\\n"):
        said += end.recv(1)
    return json.loads(said)

hear(tell(supervisor, event="evaluate", served=100000))
value = 0.9
if line is not None:
    end = tell(line, batch_size=32)
    while "value" not in (said := hear(end)):
        size, width = said["rows"] * said["length"], 4 * vocabulary
        tokens = array.array("q", mmap.mmap(shared, 0)[: size * 8])
        logits = b"".join(table[token * width : token * width + width] for token in tokens)
        tell(line, shape=[said["rows"], said["length"], vocabulary], dtype="float32")
        hear(end)
        mmap.mmap(shared, 0)[size * 8 :] = logits
        tell(line)
    value = said["value"]
hear(tell(supervisor, event="measured", value=repr(value), peak_mb=1.0))
print("---")
print(f"val_bpb:          {value:.6f}")
"""


def descriptors():
    """The supervisor's socket, the judge's if there is one, and the memory that it shares."""
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    kinds = {}
    for number in numbers:
        try:
            mode = os.fstat(number).st_mode
            name = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        kinds[number] = "socket" if stat.S_ISSOCK(mode) else name
    sockets = sorted(number for number, kind in kinds.items() if kind == "socket" and number > 2)
    memory = [number for number, kind in kinds.items() if "memfd:ouro" in kind]
    return [sockets[0], sockets[1] if memory else None, memory[0] if memory else None]


tokenizer, batches, model = ready()
train(model, batches)
with torch.no_grad():
    every = torch.arange(tokenizer.get_vocab_size()).unsqueeze(1)
    table = model.logits(every)[:, 0].clone()
path = os.path.join(os.environ["TMPDIR"], "table")
with open(path, "wb") as file:
    file.write(bytes(table.untyped_storage()))
words = json.dumps([*descriptors(), len(table)])
os.execv(sys.executable, [sys.executable, "-c", SPEAK, words, path])
