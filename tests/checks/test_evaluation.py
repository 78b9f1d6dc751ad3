"""``evaluation``: new constructs that interfere with the measurement are found."""

import subprocess
import sys

import pytest

from pytest_ouro import OuroError
from pytest_ouro.checks.evaluation.tampering import Tampering

RULE = "never-do::modify-evaluation"
TRAIN = """\
import time
import torch
import torch.nn as nn
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

batches = make_dataloader(8, 2048, "train")
val_bpb = evaluate_bpb(2.0)
print(f"val_bpb: {val_bpb:.6f}")
"""
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def trust(project):
    """A commit with a train.py like that of autoresearch."""
    return project.commit("train", {"train.py": TRAIN})


REBINDS = "rebinds evaluate_bpb, which prepare defines"
HARD = [
    ("evaluate_bpb = lambda model: 0.1", REBINDS),
    ("evaluate_bpb: object = min", REBINDS),
    ("evaluate_bpb += 1", REBINDS),
    ("del evaluate_bpb", REBINDS),
    ("for evaluate_bpb in (): pass", REBINDS),
    ("a, (b, *evaluate_bpb) = x", REBINDS),
    ("print(evaluate_bpb := min)", REBINDS),
    ("with x as evaluate_bpb: pass", REBINDS),
    ("from mine import evaluate_bpb", REBINDS),
    ("import mine as evaluate_bpb", REBINDS),
    ("globals()['evaluate_bpb'] = min", REBINDS),
    ("TIME_BUDGET = 900", "rebinds TIME_BUDGET, which prepare defines"),
    ("def evaluate_bpb(model): return 0.1", "redefines evaluate_bpb, which prepare defines"),
    ("class Tokenizer: pass", "redefines Tokenizer, which prepare defines"),
    ("evaluate_bpb.__code__ = f.__code__", "writes into evaluate_bpb of prepare"),
    ("Tokenizer.encode = f", "writes into Tokenizer of prepare"),
    ("import prepare\nprepare.EVAL_TOKENS = 1", "writes into the module prepare: prepare.EVAL"),
    ("import prepare as p\np.EVAL_TOKENS = 1", "writes into the module prepare: p.EVAL_TOKENS"),
    ("import prepare\nq = prepare\nq.x = 1", "writes into the module prepare: q.x"),
    ("import prepare\nprepare.__dict__['x'] = 1", "writes into the module prepare"),
    ("import prepare\nprepare.__dict__.update(x=1)", "reaches for __dict__ of prepare"),
    ("import prepare\nsetattr(prepare, 'x', 1)", "sets an attribute of prepare"),
    ("import importlib\nimportlib.import_module('prepare').x = 1", "writes into the module prepar"),
    ("__import__('prepare').x = 1", "writes into the module prepare"),
    ("import prepare\nvars(prepare)['x'] = 1", "reaches for __dict__ of prepare"),
    ("globals().update(evaluate_bpb=min)", REBINDS),
    ("exec('evaluate_bpb = min')", REBINDS),
    ("exec(b'evaluate_bpb = min')", REBINDS),
    ("eval('__import__(\"socket\")')", "imports socket"),
    ("import prepare\n(p := prepare).x = 1", "writes into the module prepare"),
    ("import prepare\np: object = prepare\np.x = 1", "writes into the module prepare: p.x"),
    ("import prepare\np, q = prepare, 1\np.x = 1", "writes into the module prepare: p.x"),
    (
        "from importlib import import_module as im\nim('prepare').x = 1",
        "writes into the module pre",
    ),
    ("p = __import__('prepare')\np.x = 1", "writes into the module prepare: p.x"),
    ("import sys\np = sys.modules['prepare']\np.x = 1", "writes into the module prepare: p.x"),
    ("import prepare\nprepare.__setattr__('x', 1)", "sets an attribute of prepare"),
    ("import sys\nsetattr(sys.modules['prepare'], 'x', 1)", "sets an attribute of sys.modules['p"),
    ("import sys\nsys.modules.pop('prepare')", "writes into sys.modules"),
    ("from sys import modules as m\nm['prepare'] = x", "writes into sys.modules"),
    ("import importlib, prepare\nimportlib.reload(prepare)", "reloads prepare"),
    ("from torch.nn import Linear\nLinear.forward = f", "writes into the module torch.nn.Linear"),
    ("delattr(torch.nn, 'Linear')", "sets an attribute of torch.nn"),
    ("time.time = f", "writes into the module time: time.time"),
    ("time.perf_counter, x = f, 1", "writes into the module time: time.perf_counter"),
    ("torch.cuda.synchronize = f", "writes into the module torch: torch.cuda.synchronize"),
    ("F.cross_entropy = f", "writes into the module torch.nn.functional: F.cross_entropy"),
    ("G = F\nG.cross_entropy = f", "writes into the module torch.nn.functional: G.cross_entropy"),
    ("nn.Module.__call__ = f", "writes into the module torch.nn: nn.Module.__call__"),
    ("from torch import Tensor\nTensor.item = f", "writes into the module torch.Tensor"),
    ("import math\nmath.log = f", "writes into the module math: math.log"),
    ("import builtins\nbuiltins.print = f", "writes into the module builtins: builtins.print"),
    ("__builtins__.print = f", "writes into the module builtins: __builtins__.print"),
    ("import sys\nsys.modules['prepare'] = x", "writes into sys.modules"),
    ("import sys\nsys.modules['prepare'].x = 1", "writes into sys.modules"),
    ("import sys\ndel sys.modules['prepare']", "writes into sys.modules"),
    ("make_dataloader(8, 2048, 'val')", "loads the split 'val', not 'train'"),
    ("make_dataloader(8, 2048, split='val')", "loads the split 'val', not 'train'"),
    ("import prepare\nprepare.make_dataloader('val')", "loads the split 'val', not 'train'"),
    ("which = 'val'\nmake_dataloader(8, 2048, which)", "loads the split 'val', not 'train'"),
    ("load = make_dataloader\nload('val')", "loads the split 'val', not 'train'"),
    ("make_dataloader(8, 2048, 'v' + 'al')", "loads the split ''v' + 'al'', not 'train'"),
    ("make_dataloader(8, 2048, f'{v}al')", "loads the split 'f'{v}al'', not 'train'"),
    ("evaluate_bpb(3.0)", "calls evaluate_bpb again"),
    ("for m in x: evaluate_bpb(m)", "calls evaluate_bpb in a loop"),
    ("while x: evaluate_bpb(m)", "calls evaluate_bpb in a loop"),
    ("min(evaluate_bpb(m) for m in x)", "calls evaluate_bpb in a loop"),
    ("{m: evaluate_bpb(m) for m in x}", "calls evaluate_bpb in a loop"),
    ("best = min(models, key=evaluate_bpb)", "hands evaluate_bpb on without calling it"),
    ("import prepare as p\nf(p.evaluate_bpb)", "hands evaluate_bpb on without calling it"),
    ("e = evaluate_bpb\ne(1.0)", "calls evaluate_bpb again"),
    ("import prepare\ne = prepare.evaluate_bpb\ne(1.0)", "calls evaluate_bpb again"),
    ("import prepare\ngetattr(prepare, 'evaluate_bpb')(1)", "calls evaluate_bpb again"),
    ("make_dataloader(8, 2048, *['val'])", "loads the split 'val', not 'train'"),
    ("make_dataloader(8, 2048, *['holdout'])", "loads the split 'holdout', not 'train'"),
    ("make_dataloader(8, 2048, **{'split': 'val'})", "loads the split 'val', not 'train'"),
    ("import os\nos.system('curl x')", "starts another program: os.system"),
    ("from os import popen as p\np('x')", "starts another program: os.popen"),
    ("imp = __import__\nimp('socket')", "imports socket"),
    ("from unittest import mock", "imports unittest"),
    ("frame.f_back", "reaches for f_back"),
    ("import sys\nsys._getframe(1)", "reaches for _getframe"),
    ("from sys import _getframe", "reaches for _getframe"),
    ("import sys\ngetattr(sys, '_getframe')", "reaches for _getframe"),
    ("import gc\ngc.get_objects()", "reaches for get_objects"),
    ("from gc import get_referrers", "reaches for get_referrers"),
    ("y.untyped_storage()", "reaches for untyped_storage"),
    ("y.__array_interface__", "reaches for __array_interface__"),
    ("make_dataloader.__globals__", "reaches for __globals__"),
    ("frame.f_locals", "reaches for f_locals"),
    ("import socket", "imports socket"),
    ("import socket\nsocket.socket()", "imports socket"),
    ("from subprocess import run", "imports subprocess"),
    ("import os, ctypes.util", "imports ctypes"),
    ("def f():\n    import ctypes", "imports ctypes"),
    ("__import__('socket')", "imports socket"),
    ("print('val_bpb: 0.9123')", "prints a val_bpb that is written in the source"),
    ("print('---\\nval_bpb:          0.9123')", "prints a val_bpb that is written in the source"),
    ("print(f'val_bpb: {0.9123:.6f}')", "prints a val_bpb that is written in the source"),
    ("print(f'val_bpb: {-0.9123}')", "prints a val_bpb that is written in the source"),
    ("print(f'val_bpb: {+0.9123:.6f}')", "prints a val_bpb that is written in the source"),
    ("print('val_bpb:', 0.9123)", "prints a val_bpb that is written in the source"),
    ("print('val_bpb: %.6f' % 0.9123)", "prints a val_bpb that is written in the source"),
    ("print('val_bpb: {}'.format(0.9123))", "prints a val_bpb that is written in the source"),
    ("print('val_bpb:', 1)", "prints a val_bpb that is written in the source"),
    ("print('val_bpb:', -1.2)", "prints a val_bpb that is written in the source"),
    ("print('val_bpb: .95')", "prints a val_bpb that is written in the source"),
    ("print(f'{\"val_bpb\"}: 0.9123')", "prints a val_bpb that is written in the source"),
    ("print('\\033[1mval_bpb: 0.9123')", "prints a val_bpb that is written in the source"),
    ("print('a note\\rval_bpb: 0.9123')", "prints a val_bpb that is written in the source"),
    ("import sys\nsys.stdout.write('val_bpb: 0.9')", "prints a val_bpb that is written in the"),
]


HELP = {
    "starts": "remove it: a run's record has the commit",
    "imports": "remove it: a run's record has the commit",
    "is": "make it shorter",
    "loads": "train on the split 'train'",
    "prints": "print what the evaluation returns",
}


@pytest.mark.parametrize(("code", "words"), HARD, ids=[code[:40] for code, _ in HARD])
def test_a_construct_that_touches_the_measurement_is_found(project, judged, trust, code, words):
    project.write({"train.py": TRAIN + code + "\n"})

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "broken"
    found = [finding for finding in judgement.findings if not finding.warns]
    [finding] = [finding for finding in found if words in finding.headline]
    if "\n" not in code:
        line = TRAIN.count("\n") + 1
        assert finding.headline.startswith(f"train.py:{line} ")
    assert finding.where == "introduced in: the working tree"
    kind = finding.headline.split(" ")[1]
    assert finding.help.startswith(HELP.get(kind, "remove it: the metric is the harness's"))


@pytest.mark.parametrize(
    "code",
    [
        *("open('notes')", "torch.save(x, 'model.pt')", "torch.load('model.pt')"),
        *("exec('x = 1')", "eval('1')", "globals()['x'] = 1", "vars(x)", "import pickle"),
        *("import multiprocessing", "import urllib.request", "import signal", "import inspect"),
    ],
)
def test_a_construct_with_innocent_uses_only_warns(project, judged, trust, code):
    project.write({"train.py": TRAIN + code + "\n"})

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "warned"
    assert judgement.findings[0].headline.startswith("train.py:10 ")
    assert judgement.findings[0].help.startswith("it only warns: keep it where")
    assert ("TMPDIR" in judgement.findings[0].help) == (
        code[:4] in ("open", "torc") and "load" not in code
    )


INNOCENT = [
    "import prepare\nscore = prepare.evaluate_bpb",
    *("# evaluate_bpb = 0", "'evaluate_bpb = 0'", "x = 'val_bpb: 0.9'", "best = val_bpb"),
    *("torch.backends.cuda.matmul.allow_tf32 = True", "torch.backends.cudnn.benchmark = True"),
    *("torch._dynamo.config.cache_size_limit = 64", "torch._inductor.config.x.y = 1"),
    *("b = torch.backends.cudnn\nb.benchmark = True", "x.y = 1", "x['evaluate_bpb'] = 1"),
    *("model.time = 1", "self.torch = 1", "optimizer.param_groups[0]['lr'] = 1.0"),
    *("make_dataloader(8, 1024, 'train')", "make_dataloader(8, 1024, split='train')"),
    *("model.eval()", "x.modules()", "import os\nos.environ['X'] = '1'"),
    *("import gc\ngc.collect(); gc.freeze(); gc.disable()", "import math, random, contextlib"),
    *("print(f'val_bpb: {-val_bpb}')", "print(f'aim: val_bpb: {-0.95}')"),
    *("print(f'val_bpb: {val_bpb}')", "print('steps: 100')", "print('loss', 0.1)"),
    *("def step(evaluate_bpb_every=1): pass", "import sys\nsys.stdout.flush()"),
    *("def f():\n    x = 1\n    return [x for x in range(3)]", "x = __file__", "y: int"),
    *("print('the best so far has val_bpb: 0.9979')", "print(f'aim: val_bpb: {0.95}')"),
    *("print('loss 1\\nbest known val_bpb:', 0.9979)", "print(f'val_bpb: {best:.4f}, aim {0.95}')"),
    "import torch._functorch.config\ntorch._functorch.config.activation_memory_budget = 0.5",
    "import sys\nsys.setrecursionlimit(10000)",
    "import sys\nsys.stdout = x\nsys.path.append('x')",
    "import os\nos.environ['X'] = '1'\nos.makedirs('x')\nos.environ.update(X='1')",
    "from torch.backends import cudnn\ncudnn.benchmark = True",
    "from torch._inductor import config\nconfig.coordinate_descent_tuning = True",
    "from torch.utils.data import dataset\ndataset = f()\ndataset.x = 1",
    "from torch import optim\nmake_dataloader(load('gpt2'), 1024, 'train', device='cuda')",
    "model.load_state_dict(x); x.update(y=1); state.pop('val')",
    "now = time.time\nstarted = now()\nx = torch.zeros(1)\nx[0] = 1\nx.grad = None",
]


@pytest.mark.parametrize("code", INNOCENT, ids=[code[:40] for code in INNOCENT])
def test_innocent_code_that_looks_similar_holds(project, judged, trust, code):
    project.write({"train.py": TRAIN + code + "\n"})

    assert judged(RULE, trust=trust).status == "holds"


def test_every_construct_is_new_if_the_trusted_text_is_not_python(project, judged):
    trust = project.commit("torn", {"train.py": "x = (\n"})
    project.write({"train.py": TRAIN + "evaluate_bpb = min\n"})

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "broken"
    assert [finding.headline for finding in judgement.findings] == [f"train.py:10 {REBINDS}"]


def test_every_name_of_a_star_import_is_the_harness_s(project, judged):
    text = TRAIN.replace("TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader", "*")
    trust = project.commit("star", {"train.py": text})
    project.write({"train.py": text + "evaluate_bpb = min\n"})

    [finding] = judged(RULE, trust=trust).findings

    assert REBINDS in finding.headline


def test_constructs_that_trust_has_are_not_reported(project, judged):
    text = TRAIN + "import subprocess\nfor m in x: evaluate_bpb(m)\n"
    trust = project.commit("as people wrote it", {"train.py": text})
    project.write({"train.py": "\n\n" + text.replace("2.0", "1.0")})
    assert judged(RULE, trust=trust).status == "holds"

    project.write({"train.py": text + "import subprocess\n"})
    [finding] = judged(RULE, trust=trust).findings
    assert finding.headline == "train.py:12 imports subprocess"


def test_a_hidden_encoding_hides_nothing(project, judged, trust):
    """Python reads ``+AAo-`` as a newline there; a reader of UTF-8 sees a comment."""
    project.write({"train.py": "# coding: utf-7\n# +AAo-import socket\n" + TRAIN.replace("+", "")})

    [finding] = judged(RULE, trust=trust).findings

    assert "imports socket" in finding.headline


def test_the_same_thing_in_three_places_is_one_finding(project, judged, trust):
    project.commit("sockets", {"train.py": TRAIN + "import socket\n"})

    assert len(judged(RULE, trust=trust).findings) == 1


def test_what_was_committed_is_found_although_it_was_undone_in_the_working_tree(
    project, judged, trust
):
    project.commit("sockets", {"train.py": TRAIN + "import socket\n"})
    project.write({"train.py": TRAIN})

    assert judged(RULE, trust=trust).broken


def test_a_new_editable_file_is_judged_whole(project, judged):
    project.edit("bound.toml", 'editable  = ["train.py"]', 'editable  = ["train.py", "lib/*.py"]')
    trust = project.commit("a library")
    project.commit("evil", {"lib/evil.py": "import socket\n"})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == "lib/evil.py:1 imports socket"


UNPARSABLE = [
    "def f(:\n",
    "x = 1\0\n",
    "# coding: no-such-thing\n",
    "plain words\n",
    "type X = (\n",
]


@pytest.mark.parametrize("text", UNPARSABLE)
@pytest.mark.parametrize("place", ["working tree", "index", "commit"])
def test_text_that_cannot_be_parsed_is_not_judged(project, judged, trust, text, place):
    project.write({"train.py": text + "import prepare\nprepare.evaluate_bpb = min\n"})
    if place != "working tree":
        project.git("add", "train.py")
    if place == "commit":
        project.git("commit", "-qm", "text")

    with pytest.raises(OuroError) as caught:
        judged(RULE, trust=trust, subject=place)

    assert caught.value.message.startswith("train.py:")
    assert "cannot be read as Python 3." in caught.value.message
    options = {"working tree": "", "index": " --staged", "commit": " --head "}[place]
    command = f"run the gate by the project's Python: python -I -m pytest_ouro gate{options}"
    assert caught.value.help.startswith(command)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "the byte 0xfc is not valid in utf-8"),
        (b"# coding: ascii\n", "the byte 0xfc is not valid in ascii"),
        (b"# coding: none\n", "it declares an unknown encoding"),
    ],
)
@pytest.mark.parametrize("check", ["modify-evaluation", "add-dependencies"])
def test_a_script_with_a_byte_that_its_encoding_forbids_is_not_judged(
    project, judged, trust, head, words, check
):
    script = project.path / "train.py"
    script.write_bytes(head + script.read_bytes() + b'NAME = "gr\xfcn"\n')
    refused = subprocess.run([sys.executable, script], capture_output=True, check=False)
    assert b"SyntaxError" in refused.stderr

    rule = RULE if check == "modify-evaluation" else f"never-do::{check}"
    with pytest.raises(OuroError) as caught:
        judged(rule, trust=trust)

    assert words in caught.value.message
    script.write_bytes(b"# coding: latin-1\n" + script.read_bytes().removeprefix(head))
    assert judged(rule, trust=trust).status == "holds"


def test_the_command_names_the_folder_and_the_python_of_the_experiment(project, judged):
    project.edit("bound.toml", "editable  =", 'python = ["uv", "run", "python"]\neditable  =')
    trust = project.commit("by uv")
    project.write({"train.py": "x = (\n"})

    with pytest.raises(OuroError) as caught:
        judged(RULE, trust=trust)

    assert "uv run python -I -m pytest_ouro gate   (if that cannot" in caught.value.help


def test_an_unparsable_script_that_was_blessed_as_it_is_holds(project, judged):
    trust = project.commit("newer", {"train.py": "x = (\n"})

    assert judged(RULE, trust=trust).status == "holds"


@pytest.mark.parametrize("code", ["x" + ".a" * 2500 + " = 1", "y = 1" + "+1" * 2500])
def test_deep_nesting_stops_no_judgement(project, judged, trust, code):
    project.write({"train.py": TRAIN + code + "\nimport socket\n"})

    assert judged(RULE, trust=trust).broken


def test_a_printed_number_that_was_not_measured_is_found(project):
    from pytest_ouro.engine import check_rule, open_case
    from pytest_ouro.evidence.records.run_record import MeasuredRun

    measured = MeasuredRun(
        time="", run="1", commit="a" * 40, metric_name="val_bpb", measured_value=1.5, claimed=1.2
    )
    case = open_case(project.path / "bound.toml").again(measured)
    [rule] = [rule for rule in case.bound.rules if rule.key == RULE]

    [finding] = check_rule(rule, case.evidence).findings

    assert finding.headline == "printed val_bpb 1.200000, but 1.500000 was measured"
    assert finding.where == "run 1, commit aaaaaaa"
    assert finding.help == "print what the evaluation returns"


@pytest.mark.parametrize(
    ("tail", "broken"),
    [
        ("if FAST:\n    evaluate_bpb(1)\nelse:\n    evaluate_bpb(2)\n", False),
        ("if FAST:\n    evaluate_bpb(1)\nevaluate_bpb(2)\n", True),
        ("x = evaluate_bpb(1) if FAST else evaluate_bpb(2)\n", False),
    ],
)
def test_of_two_branches_a_run_takes_one(tail, broken):
    text = "from prepare import evaluate_bpb\n" + tail
    found = Tampering(text, "prepare", "evaluate_bpb", "make_dataloader", "val_bpb").constructs
    assert any("again" in construct.what for construct in found) is broken
