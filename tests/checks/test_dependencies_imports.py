"""``dependencies``: what editable files import, and what the environment holds."""

import pytest

from pytest_ouro import OuroError

RULE = "never-do::add-dependencies"
TRAIN = "import six\nimport torch\nfrom prepare import evaluate_bpb\n"
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def trust(project):
    """A commit whose train.py imports torch, which no manifest names."""
    return project.commit("train", {"train.py": TRAIN, "lib/own.py": "", "own.py": ""})


FOREIGN = [
    ("import numpy", 4, "imports numpy, which no trusted dependency provides"),
    ("import numpy.linalg as la", 4, "imports numpy, which no trusted"),
    ("from einops import rearrange", 4, "imports einops, which no trusted"),
    ("def late():\n    import einops", 5, "imports einops, which no trusted"),
    ("try:\n    import einops\nexcept ImportError:\n    einops = None", 5, "imports einops"),
    ("def late():\n    import einops\nfrom einops import pack", 5, "imports einops"),
    ("def late():\n    from einops import pack\nimport einops", 5, "imports einops"),
    ("import importlib\nimportlib.import_module('einops.x')", 5, "imports einops"),
    ("__import__('einops')", 4, "imports einops"),
    ("__import__('' + 'einops')", 4, "imports einops"),
    ("""__import__(f"ein{''}ops")""", 4, "imports einops"),
    ("__import__(sep.join(['einops']))", 4, "imports einops"),
    ("import lib2to4", 4, "imports lib2to4"),
    ("from kernels import get_kernel", 4, "imports kernels"),
    ("get_kernel('owner/flash')", 4, "loads the kernel owner/flash from the hub"),
    ("repo = 'a/b' if x else 'c/d'\nget_kernel(repo)", 5, "loads the kernel a/b from the hub"),
    ("import helper", 4, "imports helper, which no trusted dependency provides"),
]


@pytest.mark.parametrize(("code", "line", "words"), FOREIGN, ids=[f[0][:30] for f in FOREIGN])
def test_an_import_that_nothing_provides_is_found(project, judged, trust, code, line, words):
    project.write({"train.py": TRAIN + code + "\n"})

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "broken"
    finding = judgement.findings[0]
    assert finding.headline.startswith(f"train.py:{line} {words}")
    assert finding.where == "imported in: the working tree"
    assert finding.help.startswith("use what is there; a person adds a dependency and blesses it")


def test_a_package_is_reported_once_whatever_is_imported_of_it(project, judged, trust):
    code = "import numpy.linalg as la\nfrom numpy.random import rand\nimport numpy, scipy.stats\n"
    project.write({"train.py": TRAIN + code})

    findings = judged(RULE, trust=trust).findings

    assert [finding.headline.partition(" which")[0] for finding in findings] == [
        "train.py:4 imports numpy,",
        "train.py:6 imports scipy,",
    ]


PROVIDED = [
    *("import math, os.path, zoneinfo", "from __future__ import annotations", "import six.moves"),
    *("import torch.nn.functional as F", "from torch import nn", "import prepare", "import own"),
    *("from . import sibling", "from .. import x", "import train", "from lib import own"),
    *(
        "# import numpy",
        "'import numpy'",
        "importlib.import_module(name)",
        "import torch._inductor",
    ),
]


@pytest.mark.parametrize("code", PROVIDED)
def test_an_import_that_is_provided_holds(project, judged, trust, code):
    project.write({"train.py": f"{TRAIN}{code}\n"})

    assert judged(RULE, trust=trust).status == "holds"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "einops>=0.8\nscikit-learn==1\n"),
        ("uv.lock", '[[package]]\nname = "einops"\n[[package]]\nname = "scikit-learn"\n'),
        ("pyproject.toml", '[project]\ndependencies = ["einops[x]>=1", "Scikit_Learn"]\n'),
        ("requirements.txt", "einops-cpu\nscikit-learn-gpu-cu12\n"),
    ],
)
def test_what_a_trusted_file_names_may_be_imported(project, judged, name, text):
    trust = project.commit("dependencies", {name: text})
    project.write({"train.py": "import einops\nfrom sklearn import svm\n"})

    assert judged(RULE, trust=trust).status == "holds"


def test_declaring_it_in_the_working_tree_is_not_enough(project, judged, trust):
    project.commit("einops", {"requirements.txt": "einops\n", "train.py": "import einops\n"})

    headlines = [finding.headline for finding in judged(RULE, trust=trust).findings]

    assert headlines[0].startswith("requirements.txt: a new dependency file (einops)")
    assert headlines[1].startswith("train.py:1 imports einops")


def test_the_bound_may_allow_modules_and_kernels(project, judged):
    project.edit(
        *("bound.toml", 'check = "dependencies"'),
        'check = "dependencies"\nmodules = ["einops"]\nkernels = ["owner/flash"]',
    )
    trust = project.commit("allow them")
    project.write({"train.py": "import einops\nget_kernel('owner/flash')\n"})
    assert judged(RULE, trust=trust).status == "holds"

    project.write({"train.py": "import einops\nget_kernel('other/flash')\n"})
    assert judged(RULE, trust=trust).broken


def test_a_committed_import_is_found_although_it_was_undone(project, judged, trust):
    project.commit("einops", {"train.py": TRAIN + "import einops\n"})
    project.write({"train.py": TRAIN})

    assert judged(RULE, trust=trust).broken


@pytest.mark.parametrize("text", ["import (", "import einops\0", "# coding: nonsense\n"])
def test_text_that_cannot_be_parsed_is_not_judged(project, judged, trust, text):
    project.write({"train.py": text})

    with pytest.raises(OuroError, match="cannot be read as Python"):
        judged(RULE, trust=trust)


LOCK = '[[package]]\nname = "six"\nversion = "1"\n'


@pytest.fixture
def environment(project):
    """``environment(*names)``: a .venv in which these distributions lie."""

    def environment(*names):
        site = project.path / ".venv/lib/python3.11/site-packages"
        for name in names:
            (site / f"{name}-1.0.dist-info").mkdir(parents=True)

    return environment


def test_what_is_installed_and_not_locked_only_warns(project, judged, environment):
    trust = project.commit("lock", {"uv.lock": LOCK})
    environment("six", "einops", "Typing_Extensions", "pip", "pytest_ouro")

    judgement = judged(RULE, trust=trust)

    assert judgement.status == "warned"
    [finding] = judgement.findings
    assert finding.headline == "2 installed and not locked: einops, typing-extensions"
    assert finding.where == "in .venv"
    assert finding.help.startswith("build the environment again from the lock")


def test_what_is_locked_may_be_installed(project, judged, environment):
    trust = project.commit("lock", {"uv.lock": LOCK})
    environment("six")

    assert judged(RULE, trust=trust).status == "holds"


def test_without_a_lock_nothing_says_what_may_be_installed(judged, environment):
    environment("six", "einops")

    assert judged(RULE).status == "holds"


def test_a_trusted_kernel_may_be_loaded_in_another_way(project, judged):
    chosen = "repo = 'a/fast' if new else 'a/plain'\nfa = get_kernel(repo)\n"
    trust = project.commit("kernels", {"train.py": TRAIN + chosen})
    project.write({"train.py": TRAIN + "fa = get_kernel('a/fast') if new else None\n"})

    assert judged(RULE, trust=trust).status == "holds"
