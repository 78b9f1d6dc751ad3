"""``frozen-symbol``: a function keeps its meaning, and no other module is imported in its place."""

import pytest

from pytest_ouro import OuroError

RULE = "danger-zone::evaluate-bpb"
HARNESS = '''\
"""The harness."""
import math

EVAL_TOKENS = 1000
OTHER = 1


def nats(model, tokens=EVAL_TOKENS):
    """Nats of the model."""
    return model(tokens)


def evaluate_bpb(model):
    """Bits per byte."""
    return nats(model) / math.log(2)


def main():
    print("preparing")


if __name__ == "__main__":
    main()
'''
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def trust(project):
    """A commit with a harness of several parts."""
    return project.commit("a harness", {"prepare.py": HARNESS})


CHANGES = [
    ("its own code", "math.log(2)", "math.log(3)", "its own code"),
    ("a constant", "EVAL_TOKENS = 1000", "EVAL_TOKENS = 10", "EVAL_TOKENS, which it uses"),
    ("a helper", "return model(tokens)", "return 0", "nats, which it uses"),
    ("a default", "tokens=EVAL_TOKENS", "tokens=3", "nats, which it uses"),
    ("an import", "import math", "import cmath as math", "math, which it uses"),
    ("a decorator", "def evaluate_bpb", "@print\ndef evaluate_bpb", "its own code"),
    ("a second definition", "OTHER = 1", "def evaluate_bpb(model):\n    return 0", "its own code"),
    ("both", "OTHER = 1", "nats = evaluate_bpb = max", "its own code, and nats"),
    ("an attribute", "OTHER = 1", "math.log = abs", "math, which it uses"),
    ("an item", "OTHER = 1", "nats.x[0] = 1", "nats, which it uses"),
    ("a deletion", "OTHER = 1", "del math", "module-level code, which it uses"),
    ("a condition", "OTHER = 1", "if OTHER:\n    nats = max", "module-level code, which it"),
    ("a loop", "OTHER = 1", "for nats in (): pass", "module-level code, which it uses"),
    ("a call", "OTHER = 1", "print(1)", "module-level code, which it uses"),
    ("a star", "OTHER = 1", "from other import *", "module-level code, which it uses"),
    ("a walrus", "OTHER = 1", "OTHER = (nats := max)", "OTHER, nats, which it uses"),
    ("a global", 'print("preparing")', "global EVAL_TOKENS\n    EVAL_TOKENS = 1", "EVAL_TOKENS"),
    ("the namespace", "OTHER = 1", "OTHER = globals().update(nats=max)", "OTHER, module-level"),
    ("a class body", "OTHER = 1", "class Other:\n    vars()['x'] = 1", "module-level code"),
    ("gone", "def evaluate_bpb", "def evaluate", "its own code"),
    ("no Python", "OTHER = 1", "OTHER =", "prepare.py:5: not Python any more"),
    ("a null", "OTHER = 1", "OTHER = 1\0", "prepare.py"),
    ("too deep", "OTHER = 1", "OTHER = " + "-" * 100_000 + "1", "prepare.py is nested too"),
    ("hidden by an encoding", '"""The harness."""', "# coding: utf-7\n# +AAo-nats +AD0- max",
     "nats, which it uses"),
]  # fmt: skip


def test_a_byte_that_the_encoding_forbids_is_a_change(project, judged, trust):
    script = project.path / "prepare.py"
    script.write_bytes(script.read_bytes() + b"# gr\xfcn\n")

    result = judged(RULE, trust=trust)

    assert result.broken
    assert "not Python any more" in result.findings[0].headline


@pytest.mark.parametrize(("old", "new", "words"), [c[1:] for c in CHANGES],
                         ids=[c[0] for c in CHANGES])  # fmt: skip
def test_a_change_of_meaning_is_described(project, judged, trust, old, new, words):
    project.edit("prepare.py", old, new)

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.startswith(f"evaluate_bpb changed: {words}")
    assert finding.where == "prepare.py, changed in: the working tree"
    assert finding.help.startswith(f"git checkout {trust[:7]} -- prepare.py   (a person may bless")


SAME = [
    ("a docstring", '"""Bits per byte."""', '"""Bits."""'),
    ("no docstring", '    """Bits per byte."""\n', ""),
    ("a comment", "OTHER = 1", "OTHER = 1  # of evaluate_bpb(model)"),
    ("layout", "nats(model) /", "nats(  model  )  /"),
    ("another function", 'print("preparing")', 'print("ready")'),
    ("another constant", "OTHER = 1", "OTHER = 2"),
    ("a new function", "OTHER = 1", "def spare(nats):\n    return nats"),
    ("a new class", "OTHER = 1", "class Spare:\n    nats = 1"),
    ("what only a script does", "    main()", "    print(1)\n    main()"),
    ("line endings", "\n", "\r\n"),
    ("a mark of Windows", '"""The harness."""', '\ufeff"""The harness."""'),
]


@pytest.mark.parametrize(("old", "new"), [c[1:] for c in SAME], ids=[c[0] for c in SAME])
def test_a_change_without_a_change_of_meaning_holds(project, judged, trust, old, new):
    text = (project.path / "prepare.py").read_text().replace(old, new)
    (project.path / "prepare.py").write_bytes(text.encode())

    assert judged(RULE, trust=trust).status == "holds"


def test_a_committed_change_is_found_in_every_place(project, judged, trust):
    project.edit("prepare.py", "math.log(2)", "math.log(3)")
    project.commit("widen eval")

    [finding] = judged(RULE, trust=trust).findings

    assert finding.where.startswith("prepare.py, changed in: commit ")
    assert finding.where.endswith('"widen eval"')


def test_different_changes_are_distinguished(project, judged, trust):
    project.edit("prepare.py", "math.log(2)", "math.log(3)")
    project.git("add", "prepare.py")
    project.edit("prepare.py", "math.log(3)", "math.log(2)")
    project.edit("prepare.py", "EVAL_TOKENS = 1000", "EVAL_TOKENS = 10")

    found = {finding.headline: finding.where for finding in judged(RULE, trust=trust).findings}

    assert found["evaluate_bpb changed: its own code"].endswith("the index")
    assert found["evaluate_bpb changed: EVAL_TOKENS, which it uses"].endswith("the working tree")


def test_a_file_that_is_gone_is_said_to_be_gone(project, judged):
    (project.path / "prepare.py").unlink()

    [finding] = judged(RULE).findings

    assert finding.headline == "evaluate_bpb changed: prepare.py is gone"


@pytest.mark.parametrize(
    ("old", "new", "headline"),
    [
        ('"prepare.py"\nsymbol', '"perpare.py"\nsymbol', "perpare.py is not among the trusted"),
        ('"evaluate_bpb"\n\n', '"evaluate_bbp"\n\n', "prepare.py defines no evaluate_bbp: nothing"),
    ],
)
def test_a_name_that_names_nothing_protects_nothing(project, judged, old, new, headline):
    project.edit("bound.toml", f"path   = {old}" if "symbol" in old else f"symbol = {old}",
                 f"path   = {new}" if "symbol" in new else f"symbol = {new}")  # fmt: skip
    trust = project.commit("a slip of the pen")

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline.startswith(headline)
    assert finding.where == f"trust: {trust[:7]} (--trust)"
    assert "bound.toml" in finding.help


def test_a_harness_that_cannot_be_parsed_is_not_judged(project, judged):
    trust = project.commit("a shell script", {"prepare.py": "#!/bin/sh\nexit 0\n"})

    with pytest.raises(OuroError, match=r"prepare.py:2 cannot be read as Python"):
        judged(RULE, trust=trust)


def test_a_change_that_a_person_blessed_holds(project, judged):
    project.write({"prepare.py": HARNESS})
    assert judged(RULE).broken

    project.bless()
    assert judged(RULE).status == "holds"


SHADOWS = {
    "prepare/__init__.py": ("prepare", "is imported in place of prepare.py"),
    "prepare.abi3.so": ("prepare.abi3.so", "is imported in place of prepare.py"),
    "prepare.cpython-311-x86_64-linux-gnu.so": (
        *("prepare.cpython-311-x86_64-linux-gnu.so", "is imported in place of prepare.py"),
    ),
    "time.py": ("time.py", "is imported in place of the installed time"),
    "time/__init__.py": ("time", "is imported in place of the installed time"),
    "time.so": ("time.so", "is imported in place of the installed time"),
    "sitecustomize.py": ("sitecustomize.py", "is run by every interpreter that is started here"),
    "usercustomize.py": ("usercustomize.py", "is run by every interpreter that is started here"),
    "evil.pth": ("evil.pth", "is run by an interpreter that takes the folder for a site"),
}


@pytest.mark.parametrize("name", SHADOWS)
@pytest.mark.parametrize("ignored", [False, True], ids=["seen", "ignored"])
def test_a_file_that_shadows_a_module_is_found(project, judged, name, ignored):
    path, what = SHADOWS[name]
    if ignored:
        (project.path / ".git/info/exclude").write_text("*\n")
    project.write({name: "x = 1\n"})

    [finding] = judged(RULE).findings

    assert finding.headline == f"{path} {what}"
    assert finding.where == "in the working tree"
    assert finding.help == f"remove it: rm -r {path}"


@pytest.mark.parametrize(
    "name",
    [
        *("prepare.pyi", "prepare.txt", "prepare/data.bin", "unrelated.py", "torch/notes.md"),
        *("torch/__init__.py", "docs/time.py", "__pycache__/train.cpython-311.pyc", ".venv/x.pth"),
    ],
)
def test_a_file_that_shadows_no_module_holds(project, judged, name):
    project.write({name: "x = 1\n"})

    assert judged(RULE).status == "holds"


def test_a_package_of_the_repository_is_not_a_shadow(project, judged):
    project.write({"six/__init__.py": ""})
    project.edit("train.py", "import time", "import six\nimport time")
    trust = project.commit("our own six")

    assert judged(RULE, trust=trust).status == "holds"


@pytest.mark.parametrize("subject", ["index", "commit"])
def test_the_working_tree_does_not_count_for_a_commit(project, judged, subject):
    project.write({"prepare/__init__.py": ""})
    project.edit("prepare.py", "float(model)", "0.5")

    assert judged(RULE, subject=subject).status == "holds"
