"""The lock of the journal becomes a folder.

class: records
expect: supervised=caught judged=caught sandboxed=neutralised
why: regular file | journal
"""

from pathlib import Path

from gpt import BATCH, ready, report, train
from prepare import evaluate_bpb

git = Path(Path(__file__).with_name(".git").read_text().split(maxsplit=1)[1].strip()).parents[1]
for path in git.joinpath("ouro").glob("*.lock"):
    try:
        path.unlink(missing_ok=True)
        path.mkdir()
    except OSError:
        pass

tokenizer, batches, model = ready()
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
