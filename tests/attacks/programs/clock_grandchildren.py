"""Children that are waited for have children that are not: both are gone at the next look.

class: clock
expect: supervised=caught judged=caught sandboxed=caught
why: waited for | went on beyond its budget | the timeout
note: counted on the CPU clock; on the wall clock more processes are lawful
"""

import mmap
import os
import signal
import time

import torch
from gpt import BATCH, Adam, ready, report, step
from prepare import evaluate_bpb

tokenizer, batches, model = ready()
for parameter in model.parameters():
    shared = mmap.mmap(-1, parameter.numel() * 4)
    kept = torch.frombuffer(shared, dtype=torch.float32).view_as(parameter)
    parameter.data = kept.copy_(parameter.data)
next(batches)
for _ in range(16):
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if not os.fork():
            end = time.process_time() + 0.35
            optimizer = Adam(model.parameters(), lr=1e-2)
            while time.process_time() < end:
                x, y, _ = next(batches)
                step(model, optimizer, x.clone(), y.clone())
            os._exit(0)
        try:
            os.wait()
        except ChildProcessError:
            os._exit(0)
    os.waitpid(child, 0)
report(evaluate_bpb(model, tokenizer, BATCH), reached=True)
