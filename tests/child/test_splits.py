"""The script gets the training split alone, however the harness hands out its data."""

import ast
from types import SimpleNamespace

import pytest

from pytest_ouro.child import launcher, splits
from pytest_ouro.experiment.supervision.supervisor import supervise
from tests.experiment.conftest import Bench

EVALUATE = "def evaluate_bpb(model):\n    return model\n"
#: Harnesses by how they hand out both splits, each with how a script gets them.
SEVERAL = {
    "a tuple": ("return train_loader, val_loader", "train, val = load_data()"),
    "the other way round": ("return val_loader, train_loader", "val, train = load_data()"),
    "three": ("return train_loader, val_loader, iter([])", "train, val, _ = load_data()"),
    "a vocabulary too": (
        "return train_loader, val_loader, 65",
        "train, val, size = load_data(); size + 1",
    ),
    "a dictionary": (
        "return {'train': train_loader, 'validation': val_loader}",
        "d = load_data(); train, val = d['train'], d['validation']",
    ),
    "a dictionary by a name": (
        "found = dict(train=train_loader, test=val_loader)\n    return found",
        "d = load_data(); train, val = d['train'], d['test']",
    ),
    "a named tuple": (
        "from collections import namedtuple\n"
        "    return namedtuple('Splits', 'train dev')(train_loader, val_loader)",
        "s = load_data(); train, val = s.train, s.dev",
    ),
    "an object": (
        "import types\n    return types.SimpleNamespace(train_dl=train_loader, val_dl=val_loader)",
        "s = load_data(); train, val = s.train_dl, s.val_dl",
    ),
    "calls": ("return batches('train'), batches('val')", "train, val = load_data()"),
    "a tuple without names": (
        "a, b = train_loader, val_loader\n    return a, b",
        "train, val = load_data()",
    ),
    "a generated tuple": (
        "return tuple(batches(s) for s in ('train', 'val'))",
        "train, val = load_data()",
    ),
    "lists": ("return list(train_loader), [7, 8]", "train, val = load_data()"),
}
LISTS_HAVE_NAMES = (
    "return list(train_loader), [7, 8]",
    "return list(train_loader), list(val_loader)",
)
BATCHES = (
    "def batches(name):\n    yield from ([1, 2, 3] if name == 'train' else [7, 8, 9])\n"
    "def load_data():\n    train_loader, val_loader = batches('train'), batches('val')\n    {}\n"
)
SCRIPT = """\
from prepare import *
{}
{}
print('reached: yes')
print(f'val_bpb: {{evaluate_bpb(2.0)}}')
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()

    def run(script, harness, loader="load_data", **message):
        job = Bench(folder, tmp_path).job(script, mode="experiment", harness=harness)
        job.message.update(loader=loader, **message)
        return supervise(job)

    return run


@pytest.mark.tier(2, but=12)
@pytest.mark.parametrize(("returns", "gets"), SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("use", ["next(iter(val))", "list(val)", "val[0]", "[x for x in val]"])
def test_the_validation_data_cannot_be_trained_on(run, returns, gets, use):
    returns = returns.replace(*LISTS_HAVE_NAMES)
    seen = run(SCRIPT.format(gets, use), BATCHES.format(returns) + EVALUATE)

    assert seen.claims.get("reached") is None, seen.tail
    assert seen.exception["type"] == "PermissionError", seen.tail
    assert splits.RULE in seen.exception["text"]


@pytest.mark.parametrize(("returns", "gets"), SEVERAL.values(), ids=SEVERAL)
def test_the_training_data_is_served_and_starts_the_clock(run, returns, gets):
    returns = returns.replace(*LISTS_HAVE_NAMES)
    seen = run(
        SCRIPT.format(gets, "assert list(train) == [1, 2, 3]"), BATCHES.format(returns) + EVALUATE
    )

    assert seen.claims.get("reached") == "yes", seen.tail
    assert seen.value == 2.0
    if "list(" not in returns:
        assert seen.window_seconds is not None


LOADER = """\
import enum
from pathlib import Path, PurePath
class Split(enum.Enum):
    TRAIN = 1
    VAL = 2

def make_dataloader({}):
    yield 1

"""


@pytest.fixture
def load(run):
    """``load(parameters, arguments)``: run a script that calls a loader with these parameters."""

    def load(parameters, arguments):
        script = SCRIPT.format(f"next(make_dataloader({arguments}))", "")
        return run(script, LOADER.format(parameters) + EVALUATE, "make_dataloader")

    return load


REFUSED = [
    ("split", "'val'"),
    ("split", "'validation'"),
    ("split='val'", ""),
    ("mode", "'eval'"),
    ("split", "'trainval'"),
    ("split", "split='Test'"),
    ("*args", "'val'"),
    ("**options", "split='val'"),
    ("train=True", "train=False"),
    ("is_train", "False"),
    ("path", "'data/val.bin'"),
    ("path", "Path('data/val.bin')"),
    ("path", "PurePath('data/val.bin')"),
    ("path=Path('val.bin')", ""),
    ("*paths", "'train.bin', Path('val.bin')"),
    ("paths", "['data/train.bin', 'data/val.bin']"),
    ("paths", "('data/train.bin', Path('data/val.bin'))"),
    ("name", "'dev'"),
    ("split", "Split.VAL"),
]


@pytest.mark.parametrize(("parameters", "arguments"), REFUSED)
def test_another_split_is_refused(load, parameters, arguments):
    seen = load(parameters, arguments)

    assert seen.exception["type"] == "PermissionError", seen.tail
    assert splits.RULE in seen.exception["text"]


SERVED = [
    ("split", "'train'"),
    ("split='train'", ""),
    ("split='train', device='cuda', size=3", "size=4"),
    ("train=True", ""),
    ("tokenizer, B, T, split", "object(), 4, 8, 'train'"),
    ("path", "'test_folder/train.bin'"),
    ("path", "Path('test_folder/train.bin')"),
    ("paths", "[Path('data/train.bin'), 'data/train_2.bin', 3]"),
    ("mode='device'", ""),
    ("split", "Split.TRAIN"),
    ("split", "None"),
]


@pytest.mark.parametrize(("parameters", "arguments"), SERVED)
def test_the_training_split_is_served(load, parameters, arguments):
    seen = load(parameters, arguments)

    assert seen.value == 2.0, seen.tail
    assert seen.window_seconds is not None


LYING = """\
class Text(str):
    pass

class File:
    def __fspath__(self):
        return "data/train.bin"

class Same(type):
    def __eq__(self, other):
        return True
    def __hash__(self):
        return hash(str)
    def __getattribute__(self, name):
        if name == "__fspath__":
            raise AttributeError(name)
        return type.__getattribute__(self, name)

class SameText(str, metaclass=Same):
    pass

class SameFile(File, metaclass=Same):
    pass
"""


@pytest.mark.parametrize(
    "argument",
    [
        *("Text('train')", "[Text('train')]", "File()", "(File(),)"),
        *("SameText('train')", "SameFile()"),
    ],
)
def test_a_text_or_path_of_a_class_of_the_script_is_refused(run, argument):
    script = SCRIPT.format(LYING, f"next(make_dataloader({argument}))")
    seen = run(script, LOADER.format("path") + EVALUATE, "make_dataloader")

    assert seen.exception["type"] == "PermissionError", seen.tail
    assert "plain string" in seen.exception["text"]


def test_a_path_of_a_class_of_the_harness_is_read(run):
    harness = LYING + LOADER.format("path") + EVALUATE
    served = run(SCRIPT.format("next(make_dataloader(File()))", ""), harness, "make_dataloader")
    harness = harness.replace("data/train.bin", "data/val.bin")
    refused = run(SCRIPT.format("next(make_dataloader(File()))", ""), harness, "make_dataloader")

    assert served.value == 2.0, served.tail
    assert splits.RULE in refused.exception["text"]


OTHER_WAYS = {
    "a function beside the loader": (
        "def get_val_batches():\n    yield 7\n",
        "next(get_val_batches())",
    ),
    "a helper for both": (
        "def load_both_splits():\n    return make_dataloader('train'), make_dataloader('val')\n",
        "next(load_both_splits()[1])",
    ),
    "a helper for any": (
        "def stream_split(split):\n    return make_dataloader(split)\n",
        "next(stream_split('val'))",
    ),
    "a helper by another name": (
        "def fetch(which):\n    return make_dataloader(which)\n",
        "next(fetch('val'))",
    ),
    "a variable": ("val_data = [7, 8]\n", "val_data[0]"),
    "a loader in a variable": ("test_loader = iter([7, 8])\n", "next(test_loader)"),
    "the original function": ("", "make_dataloader.__wrapped__('val')"),
}


@pytest.mark.parametrize(("harness", "use"), OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_other_ways_of_the_harness_are_closed(run, harness, use):
    harness = LOADER.format("split") + harness + EVALUATE
    seen = run(SCRIPT.format(use, ""), harness, "make_dataloader")

    assert seen.claims.get("reached") is None, seen.tail
    assert seen.exception["type"] in ("PermissionError", "AttributeError"), seen.tail


HONEST = {
    "the harness reads both itself": (
        "val_data = [7, 8]\ndef vocabulary():\n    return len(val_data) + 1\n",
        "assert vocabulary() == 3",
    ),
    "a helper for both": (
        "def load_both_splits():\n    return make_dataloader('train'), make_dataloader('val')\n",
        "train, val = load_both_splits(); assert next(train) == 1",
    ),
    "its length": ("val_data = [7, 8]\n", "print(len(val_data), val_data)"),
    "settings": (
        "EVAL_TOKENS = 5\nVAL_SHARDS = ('a', 'b')\nVALID_IDS = [1]\n",
        "EVAL_TOKENS + VALID_IDS[0]; VAL_SHARDS[0]",
    ),
    "losses": (
        "def both_losses():\n    train, val_loss = 1.0, 2.0\n    return train, val_loss\n",
        "assert sum(both_losses()) == 3.0",
    ),
}


@pytest.mark.parametrize(("harness", "use"), HONEST.values(), ids=HONEST)
def test_honest_uses_of_the_harness_work(run, harness, use):
    harness = LOADER.format("split") + harness + EVALUATE
    seen = run(SCRIPT.format(use, ""), harness, "make_dataloader")

    assert seen.claims.get("reached") == "yes", seen.tail


def test_the_evaluation_gets_what_the_stand_in_stands_for(run):
    harness = BATCHES.format("return train_loader, val_loader")
    harness += "def evaluate_bpb(model, loader):\n    return model + sum(loader)\n"
    script = (
        "from prepare import *\ntrain, val = load_data()\nlist(train)\n"
        "print(f'val_bpb: {evaluate_bpb(2.0, loader=val)}')\n"
    )
    assert run(script, harness).value == 2.0 + 24


@pytest.mark.parametrize("argument", ["make_dataloader('val')", "val_data", "get_val_batches()"])
def test_an_evaluation_that_takes_data_gets_the_harness_s_own(run, argument):
    harness = (
        "val_data = [7, 8, 9]\n"
        "def make_dataloader(split):\n    yield from [1] if split == 'train' else [7, 8, 9]\n"
        "def get_val_batches():\n    yield from [7, 8, 9]\n"
        "def evaluate_bpb(model, data):\n    return model + sum(data)\n"
    )
    script = f"from prepare import *\nprint('val_bpb:', evaluate_bpb(2.0, {argument}))\n"
    assert run(script, harness, "make_dataloader").value == 2.0 + 24


def test_training_data_can_be_iterated_again(run):
    harness = "def load_data():\n    return [1, 2, 3]\n" + EVALUATE
    first = "data = load_data(); assert [list(data), list(data)] == [[1, 2, 3]] * 2"
    seen = run(SCRIPT.format(first, "assert len(data) == 3 and data[1] == 2"), harness)

    assert seen.claims.get("reached") == "yes", seen.tail
    assert seen.window_seconds is not None


def test_a_function_that_returns_one_batch_returns_it(run):
    harness = "def get_batch(split):\n    return [1, 2], [3, 4]\n" + EVALUATE
    seen = run(
        SCRIPT.format("x, y = get_batch('train'); assert x[0] + y[1] == 5", ""),
        harness,
        "get_batch",
    )

    assert seen.claims.get("reached") == "yes", seen.tail
    assert seen.window_seconds is not None


def test_an_error_about_hidden_data_is_distinguished_from_others(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "val")
    job = {"sandbox": {"hidden": [str(tmp_path / "val")]}}
    hidden, link, other = (
        PermissionError(13, "no", str(tmp_path / name)) for name in ("val", "link", "other")
    )
    around = RuntimeError("no data")
    around.__context__ = hidden

    assert launcher.opened_hidden(hidden, job) == str(tmp_path / "val")
    assert launcher.opened_hidden(around, job) == str(tmp_path / "val")
    assert launcher.opened_hidden(link, job) == str(tmp_path / "link")
    assert launcher.opened_hidden(other, job) == ""
    assert launcher.opened_hidden(hidden, {}) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "def load_data():\n    return train_loader, val_loader",
            "returns the validation data beside",
        ),
        (
            "def get_loaders():\n    return {'train': a, 'val': b}",
            "returns the validation data beside",
        ),
        ("def make_dataloader(split):\n    yield 1", "serves whatever split it is asked for"),
        ("def get_val_loader():\n    return 1", "returns the validation data"),
        ("def get_batch():\n    return x, y", ""),
        ("def losses():\n    return train_loss, val_loss", ""),
        ("def set_mode(model, mode):\n    pass", ""),
        ("def learning_rate(mode):\n    pass", ""),
    ],
)
def test_how_a_function_hands_out_data_is_read_from_its_source(text, expected):
    (function,) = ast.parse(text).body
    found = splits.hands_out(function)
    assert expected in found
    assert bool(expected) == bool(found)


class Shape:
    """A shape that can be iterated and is not a tuple, as TensorFlow's; one of ``None`` cannot."""

    def __init__(self, sizes):
        self.sizes = sizes

    def __iter__(self):
        return iter(self.sizes)


@pytest.mark.parametrize(
    ("shape", "tokens"), [((4, 8), 32), (Shape([4, 8]), 32), (Shape(None), 1), (None, 1)]
)
def test_tokens_are_counted_by_any_shape(shape, tokens):
    assert splits.size_of(SimpleNamespace(shape=shape)) == tokens
    assert splits.size_of((SimpleNamespace(shape=shape), 1)) == tokens
