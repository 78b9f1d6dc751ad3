"""``pytest-ouro init`` writes the bound.toml of an existing project, and its rules for agents."""

import dataclasses
import errno
import json
import os
import subprocess
import sys

import pytest

from pytest_ouro.bound import read as bounds
from pytest_ouro.bound.tables import Experiment
from pytest_ouro.cli import run
from pytest_ouro.onboarding import autoresearch, section
from pytest_ouro.onboarding.phrases import seconds
from pytest_ouro.onboarding.recognise import Context, recognise

PREPARE = '''\
import os

import torch

TIME_BUDGET = 5 * 60  # seconds
CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
DATA_DIR = os.path.join(CACHE_DIR, "data")
TOKENIZER_DIR = os.path.join(CACHE_DIR, "tokenizer")
MAX_SHARD = 6542
VAL_FILENAME = f"shard_{MAX_SHARD:05d}.parquet"


def make_dataloader(tokenizer, batch, length, split):
    while True:
        yield torch.zeros(batch, length)


@torch.no_grad()
def evaluate_bpb(model, tokenizer, batch):
    """Bits per byte."""
    return float(model(tokenizer))
'''

TRAIN = """\
import time

import torch

from prepare import TIME_BUDGET, evaluate_bpb, make_dataloader

TOTAL_BATCH_SIZE = 2**19
device = torch.device("cuda")
total_training_time, step = 0, 0
for batch in make_dataloader(None, 8, 2048, "train"):
    dt = time.time()
    if step > 10:
        total_training_time += dt
    step += 1
    if total_training_time >= TIME_BUDGET:
        break
val_bpb = evaluate_bpb(len, "", 8)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {total_training_time:.1f}")
"""

ORIGINAL = {
    "prepare.py": PREPARE,
    "train.py": TRAIN,
    "pyproject.toml": '[project]\nname = "autoresearch"\nversion = "0"\ndependencies = ["torch"]\n',
    "uv.lock": 'version = 1\n\n[[package]]\nname = "torch"\nversion = "2.9.1"\n',
    ".gitignore": "__pycache__/\nCLAUDE.md\nAGENTS.md\nresults.tsv\n",
}

OTHER_HARNESS = """\
def get_batch(split):
    yield [1]


def evaluate(model):
    return 0.5
"""

OTHER_SCRIPT = """\
import harness

for batch in harness.get_batch("train"):
    pass
accuracy = harness.evaluate(None)
print("accuracy:", accuracy)
"""

OTHER = {"harness.py": OTHER_HARNESS, "fit.py": OTHER_SCRIPT}

#: The design's fifteen: table, id, check.
FIFTEEN = [
    ("danger-zone", "prepare", "frozen"),
    ("danger-zone", "evaluate-bpb", "frozen-symbol"),
    ("danger-zone", "data-pipeline", "frozen-data"),
    ("never-do", "modify-prepare", "frozen"),
    ("never-do", "add-dependencies", "dependencies"),
    ("never-do", "modify-evaluation", "evaluation"),
    ("never-do", "skip-logging", "logged"),
    ("never-do", "exceed-budget", "budget-limit"),
    ("never-do", "commit-results", "untracked"),
    ("iron-law", "val-bpb-only", "metric"),
    ("iron-law", "exact-budget", "budget-exact"),
    ("iron-law", "only-train-py", "scope"),
    ("iron-law", "log-every-experiment", "log-schema"),
    ("iron-law", "keep-or-revert", "settled"),
    ("iron-law", "simplicity", "simplicity"),
]

CLAUDE = """\
# A lab

- this bullet is not a rule

## BOUND

### DANGER ZONES

- `prepare.py` — the harness.
- `evaluate_bpb()` — the score.
- Secret sauce — hands off.

### NEVER DO

- Never edit `prepare.py`, not even
  its comments
* Never be rude to reviewers
1. Never train longer than 5 minutes

```
- Never read what is in a fence
```
<!-- - Never read a comment -->

### IRON LAWS

- val_bpb alone is the metric

## Notes

- nor is this one
"""


@pytest.fixture
def repository(project, tmp_path):
    """``repository(files)``: a git repository that holds them, committed."""

    def repository(files):
        made = dataclasses.replace(project, path=tmp_path / "lab")
        made.path.mkdir()
        made.git("init", "-q")
        made.commit("the experiment", files)
        return made

    return repository


@pytest.fixture
def original(repository):
    """A clone of the original layout."""
    return repository(ORIGINAL)


@pytest.fixture
def init(monkeypatch, capsys):
    """``init(project, *args)``: the exit status, standard output and standard error."""

    def init(project, *args):
        monkeypatch.chdir(project.path)
        status = run(["init", *args])
        said = capsys.readouterr()
        return status, said.out, said.err

    return init


def parsed(project, name="bound.toml"):
    return bounds.parse((project.path / name).read_text(encoding="utf-8"))


def stated(bound):
    return [(rule.section, rule.id, rule.check) for rule in bound.rules]


def whole(bound):
    """All that a rule says, for comparison."""
    return [dataclasses.replace(rule, line=0) for rule in bound.rules]


def files_of(project):
    return {
        path.relative_to(project.path).as_posix(): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.mark.parametrize("beside", [{}, {"web/site.py": ""}], ids=["alone", "beside other work"])
def test_a_scope_watches_its_folder_alone_where_the_repository_holds_other_work(
    repository, init, beside
):
    made = repository({f"lab/{name}": text for name, text in ORIGINAL.items()} | beside)
    lab = dataclasses.replace(made, path=made.path / "lab")

    assert init(lab)[0] == 0

    [scope] = [rule.checker for rule in parsed(lab).rules if rule.check == "scope"]
    assert scope.within == ("." if beside else "")


# --- the preset ------------------------------------------------------------------------------


def test_the_original_layout_gets_the_fifteen_rules(original, init):
    before = files_of(original)

    status, out, _ = init(original)

    after = files_of(original)
    assert status == 0
    assert "15 rules, from the preset autoresearch" in out
    assert "git add bound.toml" in out
    assert "pytest-ouro bless" in out
    assert after.pop("bound.toml")
    assert after == before
    assert stated(parsed(original)) == FIFTEEN


def test_a_missing_interpreter_is_noted(original, init, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda program: None)
    said = init(original, "--preset", "autoresearch")[1]
    assert "note: uv cannot be started here, and a run needs it: it is not on PATH" in said


def test_the_original_experiment_is_found(original, init):
    init(original, "--preset", "autoresearch")

    bound = parsed(original)
    assert bound.name == "autoresearch"
    assert bound.experiment == Experiment(
        script="train.py",
        python=("uv", "run", "--frozen", "python"),
        editable=("train.py",),
        allowed=("run.log", "results.tsv"),
        harness="prepare.py",
        evaluate="evaluate_bpb",
        metric="val_bpb",
        direction="lower",
        budget=300,
        clock="wall",
        tolerance=6,
        timeout=630,
        warmup_tokens=12 * 2**19,
        warmup_seconds=300,
        device="cuda",
        ledger="results.tsv",
        data=(
            "~/.cache/autoresearch/tokenizer/*",
            "~/.cache/autoresearch/data/shard_06542.parquet",
        ),
        validation=("~/.cache/autoresearch/data/shard_06542.parquet",),
    )


def test_what_is_written_can_be_blessed_and_holds(original, init):
    init(original)
    original.commit("state the rules")
    original.bless()

    lawful = original.ouro("gate")
    original.edit("prepare.py", "5 * 60", "50 * 60")
    broken = original.ouro("gate")

    assert (lawful.returncode, lawful.stderr) == (0, "")
    assert broken.returncode == 1
    assert "never-do::modify-prepare BROKEN" in broken.stdout


def test_the_hook_runs_the_gate_by_the_projects_python(original, init):
    init(original)
    text = (original.path / "bound.toml").read_text()
    wrapper = original.path.parent / "newer python"
    wrapper.write_text(f'#!/bin/sh\necho by the wrapper >&2\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    lines = [line for line in text.splitlines() if not line.startswith("python ")]
    place = next(n for n, line in enumerate(lines) if line.startswith("editable"))
    lines.insert(place, f"python = [{json.dumps(str(wrapper))}]")
    original.write({"bound.toml": "\n".join(lines) + "\n"})
    original.commit("rules")
    original.bless()
    assert init(original, "--hook")[0] == 0
    assert init(original, "--hook")[0] == 0  # our own hooks are replaced

    original.write({"train.py": (original.path / "train.py").read_text() + "import socket\n"})
    original.git("add", "train.py")
    commit = ["git", "commit", "-qm", "x"]
    done = subprocess.run(
        commit,
        cwd=original.path,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )

    assert done.returncode == 1
    assert "by the wrapper" in done.stderr
    assert "imports socket" in done.stdout + done.stderr


def test_a_foreign_hook_is_not_replaced(original, init):
    init(original)
    original.commit("rules")
    hook = original.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")

    status, _, error = init(original, "--hook")

    assert status == 2
    assert "pre-commit was written by someone else" in error
    assert "-I -m pytest_ouro gate --staged" in error
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    original.git("config", "core.hooksPath", "elsewhere")
    assert "core.hooksPath names another folder" in init(original, "--hook")[2]


def test_the_words_of_the_preset_ask_for_its_checks():
    for changes in ({}, {"data": ()}, {"metric": "accuracy", "direction": "higher"}):
        experiment = dataclasses.replace(context().experiment, **changes)
        for rule in autoresearch.statements(experiment):
            read = recognise(rule.section, rule.words, context(experiment), place="here")
            assert read == rule


SEVERAL = {
    "harness.py": "def load_data():\n    return train_loader, val_loader\n\n\n"
    "def evaluate(model):\n    return 0.5\n",
    "fit.py": OTHER_SCRIPT.replace('get_batch("train")', "load_data()[0]"),
}


@pytest.mark.parametrize(
    ("files", "loader", "words"),
    [
        (SEVERAL, "load_data", "load_data returns the validation data beside the training data"),
        (OTHER, "get_batch", "get_batch serves whatever split it is asked for"),
    ],
)
def test_a_harness_that_hands_out_the_validation_data_is_reported(
    repository, init, files, loader, words
):
    project = repository(files)

    _, out, _ = init(project, "--budget", "60", "--metric", "accuracy")

    assert parsed(project).experiment.loader == loader
    assert f"note: harness.py hands out the validation data: {words}; a run gives" in out


def test_a_harness_that_returns_several_numbers_is_reported(repository, init):
    returned = SEVERAL["harness.py"].replace("return 0.5", "return {'loss': 1.0, 'top1': 0.5}")
    project = repository({**SEVERAL, "harness.py": returned})

    _, out, _ = init(project, "--budget", "60", "--metric", "accuracy")
    words = "evaluate returns a dictionary without 'accuracy', with loss, top1, not one number"
    assert f"note: harness.py: {words}: let it return a number, or" in out
    assert "(--metric NAME)" in out

    higher = ("--metric", "top1", "--direction", "higher", "--force")
    assert "not one number" not in init(project, "--budget", "60", *higher)[1]


def test_a_harness_that_hands_out_one_split_is_not_reported(repository, init):
    files = {**OTHER, "harness.py": OTHER_HARNESS.replace("split", "size")}

    _, out, _ = init(repository(files), "--budget", "60")

    assert "hands out" not in out


def test_a_project_with_other_names(repository, init):
    project = repository(OTHER)

    status, out, _ = init(project, "--budget", "60", "--ledger", "runs.tsv")

    bound = parsed(project)
    assert status == 0
    assert "data     none known" in out
    assert bound.experiment.script == "fit.py"
    assert bound.experiment.harness == "harness.py"
    assert bound.experiment.loader == "get_batch"
    assert (bound.experiment.metric, bound.experiment.direction) == ("accuracy", "higher")
    assert bound.experiment.python == ("python",)
    assert bound.experiment.allowed == ("run.log", "runs.tsv")
    rules = {rule.id: rule for rule in bound.rules}
    assert rules["data-pipeline"].checker.symbol == "get_batch"
    assert rules["exceed-budget"].sentence == "Never use more than 1 minute training time budget."
    project.commit("state the rules")
    project.bless()
    assert project.ouro("gate").returncode == 0


SECTION_NAMING = """\
## BOUND

### DANGER ZONE
- harness.py

### NEVER DO
- Never skip logging results to runs/log.csv
- Never edit train.csv

### IRON LAW
- Only fit.py may change
"""
TABLES = {
    "results.csv": "commit,accuracy,status,notes\n",
    "runs.jsonl": '{"sha": "a1b2c3d", "metric": 0.5, "status": "kept"}\n',
    "log.tsv": "status\tcommit\tscore\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_results_that_is_there_becomes_the_ledger(repository, init, name):
    project = repository({**OTHER, "old-results.csv": TABLES["results.csv"]})
    project.write({name: TABLES[name], "train-log.csv": "x,y\n1,2\n", "data.csv": "status\n"})

    _, out, err = init(project, "--budget", "60")

    assert parsed(project).experiment.ledger == name
    assert (f"  ledger   {name}" in out.splitlines(), err) == (True, "")


@pytest.mark.parametrize("two", [False, True], ids=["none", "two"])
def test_where_no_table_is_clearly_the_ledger_a_new_one_is(repository, init, two):
    project = repository(OTHER)
    project.write(dict.fromkeys(TABLES, "a,b\n") | (dict([*TABLES.items()][:2]) if two else {}))

    init(project, "--budget", "60")

    assert parsed(project).experiment.ledger == "results.tsv"


def test_a_table_that_a_rule_names_is_the_ledger_if_it_is_one(repository, init):
    project = repository({**OTHER, "AGENTS.md": SECTION_NAMING})
    project.write({"runs/log.csv": TABLES["results.csv"], "train.csv": "x,y\n"})

    init(project, "--budget", "60")

    assert parsed(project).experiment.ledger == "runs/log.csv"


def test_a_ledger_without_a_column_for_the_metric_is_reported(repository, init):
    project = repository(OTHER)
    project.write({"results.tsv": "commit\tloss\tstatus\n"})

    status, _, err = init(project, "--budget", "60")

    assert status == 0
    assert "warning: " in err
    assert "results.tsv:1: no column is named accuracy: " in err
    assert "  help: name that column accuracy in line 1, or move the file" in err


def test_an_experiment_in_a_folder_has_its_root(repository, init):
    project = repository({f"lab/{name}": text for name, text in ORIGINAL.items()})

    status, _, _ = init(project, "--script", "lab/train.py")

    bound = parsed(project)
    assert status == 0
    assert (bound.experiment.root, bound.experiment.script) == ("lab", "train.py")
    assert bound.path("prepare.py") == "lab/prepare.py"
    project.commit("state the rules")
    project.bless()
    assert project.ouro("gate").returncode == 0


def test_options_override_what_is_found(original, init):
    original.commit("more", {"model.py": "", "score.py": "def evaluate_it(): ...\n"})

    init(
        original,
        *("--harness", "score.py", "--evaluate", "evaluate_it", "--loader", "batches"),
        *("--metric", "elo", "--direction", "lower", "--budget", "90", "--ledger", "log.tsv"),
        *("--editable", "train.py", "--editable", "model.py", "--data", "a/*", "--device", "cpu"),
    )

    experiment = parsed(original).experiment
    assert (experiment.harness, experiment.evaluate) == ("score.py", "evaluate_it")
    assert (experiment.loader, experiment.metric) == ("batches", "elo")
    assert (experiment.direction, experiment.budget) == ("lower", 90)
    assert (experiment.ledger, experiment.data) == ("log.tsv", ("a/*",))
    assert experiment.editable == ("train.py", "model.py")
    assert experiment.device == "cpu"


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ('device = torch.device("cuda")', "cuda"),
        ('model.to(device="cuda")', "cuda"),
        ('device = torch.device("cuda" if torch.cuda.is_available() else "cpu")', "auto"),
        ('fast = DEVICE.type == "cuda"; torch.device("cuda")', "auto"),
        ("pass", "auto"),
    ],
)
def test_the_device_is_the_one_that_the_script_requires(original, init, line, device):
    original.edit("train.py", 'device = torch.device("cuda")', line)

    init(original)

    assert parsed(original).experiment.device == device


REFUSED = {
    "nothing that runs": (
        {"fit.py": None},
        (),
        "no script that imports a harness was found",
        "pytest-ouro init --command 'PROGRAM ARGUMENT …' --metric NAME",
    ),
    "a script that is not there": ({}, ("--script", "x.py"), "there is no file x.py in", ""),
    "several scripts": (
        {"again.py": OTHER_SCRIPT},
        (),
        "several candidates for the script that imports a harness: again.py, fit.py",
        "pytest-ouro init --script again.py",
    ),
    "no harness": (
        {"fit.py": "print(1)\n"},
        ("--script", "fit.py"),
        "no imported harness was found in fit.py",
        "--harness",
    ),
    "several evaluations": (
        {"harness.py": OTHER_HARNESS.replace("evaluate(", "evaluate_a(") + "def eval_b(): ...\n"},
        ("--script", "fit.py"),
        "several candidates for the evaluation function: evaluate_a, eval_b",
        "--evaluate",
    ),
    "no such evaluation": ({}, ("--evaluate", "judge"), "defines no function judge", ""),
    "a budget of nothing": (
        {},
        ("--budget", "0"),
        "'budget' in [experiment] must be a number above 0, at most 31536000, not 0",
        "",
    ),
    "no direction": (
        {},
        ("--metric", "quux", "--budget", "5"),
        "a lower or a higher quux",
        "pytest-ouro init --direction lower, or pytest-ouro init --direction higher",
    ),
    "no metric": (
        {"fit.py": "import harness\nprint(harness.evaluate(0))\n"},
        ("--budget", "5"),
        "no printed metric was found in fit.py",
        "--metric",
    ),
    "no Python": (
        {"fit.py": "if\n"},
        ("--script", "fit.py"),
        "fit.py cannot be read as Python",
        "",
    ),
    "nothing that may change": (
        {},
        ("--budget", "5", "--editable", "fti.py"),
        "matches fti.py",
        "--editable GLOB",
    ),
    "no file of rules": ({}, ("--from", "RULES.md"), "there is no file RULES.md in", "--from"),
    "no section": (
        {"RULES.md": "# nothing\n"},
        ("--from", "RULES.md"),
        "RULES.md has no BOUND section",
        "",
    ),
    "an empty section": (
        {"CLAUDE.md": "## BOUND\n\nBe good.\n"},
        (),
        "CLAUDE.md states no rule",
        "as a bullet",
    ),
    "two sections": (
        {
            "CLAUDE.md": "## BOUND\n### NEVER DO\n- a\n",
            "AGENTS.md": "## BOUND\n### NEVER DO\n- b\n",
        },
        (),
        "CLAUDE.md and AGENTS.md state different rules",
        "--from FILE",
    ),
    "another budget": (
        {"CLAUDE.md": "## BOUND\n### IRON LAWS\n- Training takes exactly 5 minutes\n"},
        ("--budget", "60"),
        "CLAUDE.md:3 says 300 seconds, but the budget is 60",
        "--budget 300",
    ),
    "a shorter limit": (
        {"CLAUDE.md": "## BOUND\n### NEVER DO\n- Never train for more than 30 seconds\n"},
        ("--budget", "60"),
        "CLAUDE.md:3 says 30 seconds, but the budget is 60",
        "--budget 30",
    ),
    "another direction": (
        {"CLAUDE.md": "## BOUND\n### IRON LAWS\n- accuracy: higher is better\n"},
        ("--budget", "60", "--direction", "lower"),
        "CLAUDE.md:3 says that higher is better",
        "--direction higher",
    ),
    "another scope": (
        {"CLAUDE.md": "## BOUND\n### IRON LAWS\n- Only fit.py is modified\n"},
        ("--budget", "60", "--editable", "*.py"),
        "CLAUDE.md:3 lets only fit.py change, not *.py",
        "--editable fit.py",
    ),
    "a check that is not ours": (
        {"CLAUDE.md": "## BOUND\n### NEVER DO\n- Never\n  (enforced: a, froze)\n"},
        ("--budget", "60"),
        "CLAUDE.md:3: there is no check 'froze'",
        "",
    ),
    "a check without its parameters": (
        {"CLAUDE.md": "## BOUND\n### NEVER DO\n- Never\n  (enforced: a, frozen)\n"},
        ("--budget", "60"),
        "CLAUDE.md:3: [never-do] lacks the key 'paths'",
        "",
    ),
}


@pytest.mark.parametrize(("files", "args", "message", "help"), REFUSED.values(), ids=REFUSED)
def test_a_missing_or_unclear_fact_is_one_line_and_nothing_is_written(
    repository, init, files, args, message, help
):
    wanted = {**OTHER, **files}
    project = repository({name: text for name, text in wanted.items() if text is not None})
    before = files_of(project)

    status, out, err = init(project, *args)

    assert (status, out) == (2, "")
    assert err.startswith("ouro: error: ")
    assert message in err.splitlines()[0]
    assert help in err
    assert files_of(project) == before


@pytest.mark.parametrize("stated", ["", "TIME_BUDGET = ask()\n"], ids=["none", "unreadable"])
def test_a_budget_that_nothing_states_is_assumed_as_a_limit(repository, init, stated):
    project = repository({**OTHER, "harness.py": OTHER_HARNESS + stated})

    status, out, _ = init(project)

    checks = [rule.check for rule in parsed(project).rules]
    assert status == 0
    assert "assumed: the training takes at most 300 s: harness.py states no TIME_BUDGET" in out
    assert "(--budget SECONDS says otherwise)" in out
    assert ("budget-limit" in checks, "budget-exact" in checks) == (True, False)


def test_a_bound_that_is_there_is_replaced_only_by_force(original, init):
    original.write({"bound.toml": "mine"})

    status, _, err = init(original)
    kept = (original.path / "bound.toml").read_text()
    forced, _, _ = init(original, "--force")

    assert (status, kept, forced) == (2, "mine", 0)
    assert "bound.toml exists already\n  help: replace it: pytest-ouro init --force" in err
    assert len(parsed(original).rules) == 15


def test_a_link_is_replaced_and_not_followed(original, init, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (original.path / "bound.toml").symlink_to(outside)

    status, _, _ = init(original, "--force")

    assert (status, outside.read_text()) == (0, "mine")
    assert not (original.path / "bound.toml").is_symlink()


def test_outside_of_git_there_is_nothing_to_judge(init, project, tmp_path):
    (tmp_path / "bare").mkdir()

    status, _, err = init(dataclasses.replace(project, path=tmp_path / "bare"))

    assert status == 2
    assert "no git repository" in err


def test_nothing_heavy_is_imported(original):
    code = """
import json, sys
from pytest_ouro.cli import run
run(["init"])
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=original.path, capture_output=True, text=True, check=True
    )

    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert not modules & {"torch", "numpy", "pytest", "_pytest", "git", "gitdb", "prepare", "train"}


# --- rules in people's words -----------------------------------------------------------------


def context(experiment=None):
    experiment = experiment or Experiment(
        script="train.py",
        editable=("train.py",),
        harness="prepare.py",
        evaluate="evaluate_bpb",
        budget=300,
        data=("~/data/*",),
    )
    files = ["train.py", "prepare.py", "pyproject.toml", "uv.lock", "vendor/a.py", "vendor/b.py"]
    names = {"evaluate_bpb", "make_dataloader", "TIME_BUDGET", "Tokenizer"}
    return Context(experiment, files, names.__contains__)


MEANT = [
    # danger zones
    ("danger-zone", "`prepare.py` — the fixed harness", "frozen", {"paths": ["prepare.py"]}),
    ("danger-zone", "prepare.py: used by train.py", "frozen", {"paths": ["prepare.py"]}),
    ("danger-zone", "**`./prepare.py`**: hands off", "frozen", {"paths": ["prepare.py"]}),
    ("danger-zone", "**prepare.py**: hands off", "frozen", {"paths": ["prepare.py"]}),
    ("danger-zone", "`vendor` - not ours", "frozen", {"paths": ["vendor/"]}),
    ("danger-zone", "`vendor/` - not ours", "frozen", {"paths": ["vendor/"]}),
    ("danger-zone", "`vendor/*` and `uv.lock`", "frozen", {"paths": ["vendor/*", "uv.lock"]}),
    ("danger-zone", "The lock: see `uv.lock`", "frozen", {"paths": ["uv.lock"]}),
    ("danger-zone", "`results.tsv` — our memory", "logged", {}),
    (
        "danger-zone",
        "`evaluate_bpb()` — the score",
        "frozen-symbol",
        {"path": "prepare.py", "symbol": "evaluate_bpb"},
    ),
    (
        "danger-zone",
        "`TIME_BUDGET` in `prepare.py`",
        "frozen-symbol",
        {"path": "prepare.py", "symbol": "TIME_BUDGET"},
    ),
    ("danger-zone", "`prepare.py` with evaluate_bpb()", "frozen", {"paths": ["prepare.py"]}),
    ("danger-zone", "Data pipeline — tokenizer and loader are constants", "frozen-data", {}),
    ("danger-zone", "The validation shard", "frozen-data", {}),
    ("danger-zone", "`~/data/val.bin` — held out", "frozen-data", {"paths": ["~/data/val.bin"]}),
    ("danger-zone", "The evaluation code", "evaluation", {}),
    # never do
    (
        "never-do",
        "Never modify `prepare.py` — it is read-only",
        "frozen",
        {"paths": ["prepare.py"], "history": True},
    ),
    (
        "never-do",
        "Do not rename or edit prepare.py or uv.lock",
        "frozen",
        {"paths": ["prepare.py", "uv.lock"], "history": True},
    ),
    ("never-do", "Edit pyproject.toml", "frozen", {"paths": ["pyproject.toml"], "history": True}),
    ("never-do", "Never touch evaluate_bpb()", "frozen-symbol", None),
    ("never-do", "Never change the tokenizer", "frozen-data", {}),
    ("never-do", "Never install new packages or add dependencies", "dependencies", {}),
    ("never-do", "Do not `pip install` any library", "dependencies", {}),
    ("never-do", "No new dependencies", "dependencies", {}),
    ("never-do", "Never modify the evaluation harness", "evaluation", {}),
    ("never-do", "Never monkeypatch the metric", "evaluation", {}),
    ("never-do", "Never skip logging results to results.tsv", "logged", {}),
    ("never-do", "Never finish an experiment without a record of it", "logged", {}),
    ("never-do", "Never edit results.tsv by hand", "logged", {}),
    ("never-do", "Never use more than 5 minutes training time budget", "budget-limit", {}),
    ("never-do", "Never let a run exceed 600 s of training", "budget-limit", {}),
    ("never-do", "Never exceed the time budget", "budget-limit", {}),
    ("never-do", "Never change the training budget", "budget-exact", {}),
    (
        "never-do",
        "Never commit results.tsv (keep untracked)",
        "untracked",
        {"paths": ["results.tsv"]},
    ),
    (
        "never-do",
        "Never commit `results.tsv` or `run.log`",
        "untracked",
        {"paths": ["results.tsv", "run.log"]},
    ),
    ("never-do", "Never modify any file other than train.py", "scope", {}),
    ("never-do", "Never keep a change that makes val_bpb worse", "settled", {}),
    # iron laws
    ("iron-law", "val_bpb is the only metric that matters — lower is better", "metric", {}),
    ("iron-law", "Lower is better for val_bpb", "metric", {}),
    ("iron-law", "Training always runs for exactly 5 minutes wall clock", "budget-exact", {}),
    ("iron-law", "Each run trains for exactly five minutes, never more", "budget-exact", {}),
    ("iron-law", "The training budget is fixed", "budget-exact", {}),
    ("iron-law", "Training takes at most 5 minutes", "budget-limit", {}),
    ("iron-law", "Only train.py is modified — everything else is fixed", "scope", {}),
    ("iron-law", "Only ever edit `train.py`", "scope", {}),
    ("iron-law", "`train.py` is the only file that you edit", "scope", {}),
    ("iron-law", "Keep results.tsv untracked", "untracked", {"paths": ["results.tsv"]}),
    ("iron-law", "prepare.py is read-only", "frozen", {"paths": ["prepare.py"]}),
    (
        "iron-law",
        "Every experiment is logged: commit hash, val_bpb, memory, status",
        "log-schema",
        {},
    ),
    ("iron-law", "Every experiment is logged", "logged", {}),
    ("iron-law", "Improvements keep the commit, regressions revert", "settled", {}),
    ("iron-law", "Discard what does not improve val_bpb, keep what does", "settled", {}),
    ("iron-law", "Simplicity wins: equal val_bpb with less code is good", "simplicity", {}),
]


@pytest.mark.parametrize(("table", "words", "check", "params"), MEANT, ids=[m[1] for m in MEANT])
def test_words_find_their_check(table, words, check, params):
    found = recognise(table, words, context(), place="here")

    assert (found.section, found.words, found.check) == (table, words, check)
    assert found.reason == ""
    if params is not None:
        assert found.params == params


FOR_PEOPLE = [
    ("danger-zone", "`crypto/` — a wrong change loses funds", "git tracks no crypto/"),
    ("danger-zone", "`train.py` — mind its comments", "no check reads"),
    ("danger-zone", "Billing — money", "no check reads"),
    ("never-do", "Never commit secrets, API keys or passwords", "no check reads"),
    ("never-do", "Never commit with failing tests", "no check reads"),
    ("never-do", "Never commit changes to prepare.py without review", "no check reads"),
    ("never-do", "Never skip tests for parser changes", "no check reads"),
    ("never-do", "Never log credit card numbers", "no check reads"),
    ("never-do", "Never train on the validation set", "no check reads"),
    ("never-do", "Never use `eval` on user input", "no check reads"),
    ("never-do", "Never use raw SQL, except in `vendor/a.py`", "no check reads"),
    ("never-do", "Never change hyperparameters during evaluation", "no check reads"),
    ("never-do", "Never exceed the memory budget of the card", "no check reads"),
    ("iron-law", "Latency never exceeds 10ms", "no check reads"),
    ("iron-law", "The app starts in under 2 seconds", "no check reads"),
    ("iron-law", "Every model change has a migration", "no check reads"),
    ("iron-law", "State transitions are logged to an audit table", "no check reads"),
    ("iron-law", "Validation is a pure function, with no external dependencies", "no check reads"),
    ("iron-law", "All responses include `request_id`", "no check reads"),
    ("iron-law", "Migrations have both `up()` and `down()`", "no check reads"),
    ("iron-law", "始终保持礼貌", "no check reads"),
]


@pytest.mark.parametrize(("table", "words", "reason"), FOR_PEOPLE, ids=[f[1] for f in FOR_PEOPLE])
def test_a_rule_that_no_check_judges_is_for_people(table, words, reason):
    found = recognise(table, words, context(), place="here")

    assert (found.section, found.words, found.check) == (table, words, "human")
    assert reason in found.reason
    assert found.id


def test_a_named_file_that_the_check_does_not_guard_is_reported():
    found = recognise("danger-zone", "`prepare.py` and `results.tsv`", context(), place="here")

    assert (found.check, found.params) == ("frozen", {"paths": ["prepare.py"]})
    assert found.reason == "it does not guard results.tsv"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("5 minutes", 300),
        ("a 90-second run", 90),
        ("five minutes", 300),
        ("1.5 hours", 5400),
        ("300s", 300),
        ("10ms", None),
        ("someone second", None),
        ("16 GB", None),
    ],
)
def test_durations_are_read(words, expected):
    assert seconds(words) == expected


# --- the BOUND section -----------------------------------------------------------------------


def test_the_rules_of_the_agents_file_are_kept_in_their_words(original, init):
    original.write({"CLAUDE.md": CLAUDE})

    status, out, _ = init(original)

    rules = parsed(original).rules
    assert status == 0
    assert "7 rules, from the BOUND section of CLAUDE.md" in out
    assert "note: never-do::be-rude-reviewers is for people" in out
    assert [(rule.sentence, rule.check) for rule in rules] == [
        ("`prepare.py` — the harness.", "frozen"),
        ("`evaluate_bpb()` — the score.", "frozen-symbol"),
        ("Secret sauce — hands off.", "human"),
        ("Never edit `prepare.py`, not even its comments", "frozen"),
        ("Never be rude to reviewers", "human"),
        ("Never train longer than 5 minutes", "budget-limit"),
        ("val_bpb alone is the metric", "metric"),
    ]
    original.commit("state the rules")
    original.bless()
    assert original.ouro("gate").returncode == 0


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["-", "*", "+", "1.", "2)", "- [ ]", "  -"])
def test_no_bullet_is_dropped(mark, ending):
    words = [words for _, words, *_ in (*MEANT, *FOR_PEOPLE)]
    text = "## BOUND\n\n### NEVER DO\n\n" + "".join(f"{mark} {each}\n" for each in words)

    found = section.read(text.replace("\n", ending), "CLAUDE.md")

    assert [bullet.words for bullet in found.bullets] == words
    assert len({bullet.line for bullet in found.bullets}) == len(words)


def test_rules_of_one_id_are_numbered(original, init):
    rules = "- Never edit prepare.py\n- Never ever touch prepare.py\n- Be kind\n- Be kind\n"
    original.write({"AGENTS.md": f"## BOUND\n### NEVER DO\n{rules}"})

    init(original)

    ids = [rule.id for rule in parsed(original).rules]
    assert ids == ["modify-prepare", "modify-prepare-2", "be-kind", "be-kind-2"]


HEADINGS = [
    "## BOUND\n### DANGER ZONES\n- a\n",
    "# BOUND — the constitution\n## Danger zone\n- a\n",
    "## Bound\n\n### 🚫 DANGER_ZONES ###\n\n- a\n",
    "## DANGER ZONES\n- a\n",
    "## BOUND\n### DANGER ZONES\n#### Data\n- a\n",
]


@pytest.mark.parametrize("text", HEADINGS)
def test_headings_as_people_write_them(text):
    found = section.read(text, "CLAUDE.md")

    assert [(bullet.section, bullet.words) for bullet in found.bullets] == [("danger-zone", "a")]


@pytest.mark.parametrize("text", ["", "# Upper bound of the loss\n- a\n", "```\n## BOUND\n```\n"])
def test_a_file_without_the_section(text):
    assert section.read(text, "CLAUDE.md") is None


def test_a_bullet_under_no_heading_is_reported(original, init):
    original.write(
        {"CLAUDE.md": "## BOUND\n- stray\n### IRON LAWS\n- Be kind\n- Only train.py changes\n"}
    )

    _, out, _ = init(original)

    assert "note: CLAUDE.md:2 is under none of the three headings" in out
    assert len(parsed(original).rules) == 2


# --- render ----------------------------------------------------------------------------------

EVERY_KIND = """\
- Never modify prepare.py
  (enforced: modify-prepare, frozen {paths = ["prepare.py", "a}; b"], history = true})
- Prefer short names
  (warns: short-names, command {command = ["true"]}; it is a matter of taste)
- Be kind
  (judged by people: be-kind; no check (of ours) reads it)
"""


def test_what_is_rendered_is_read_back(original, init):
    for source in ("", CLAUDE, f"## BOUND\n### NEVER DO\n{EVERY_KIND}"):
        original.write({"CLAUDE.md": source})
        init(original, "--force")
        first = parsed(original)

        _, rendered, _ = init(original, "--render")
        original.write({"CLAUDE.md": rendered})
        init(original, "--force")

        assert whole(parsed(original)) == whole(first)


def test_a_rendered_rule_says_how_it_is_judged(original, init):
    original.write({"CLAUDE.md": f"## BOUND\n### NEVER DO\n{EVERY_KIND}"})
    init(original)

    _, rendered, _ = init(original, "--render")

    assert EVERY_KIND in rendered
    assert "### DANGER ZONES" not in rendered


AROUND = [
    ("", ""),
    ("# Lab\n", ""),
    ("# Lab\n\nno newline at the end", None),
    (
        "# Lab\n\n## BOUND\n\n### NEVER DO\n\n- old\n\n\n## Next\n- kept\n",
        "\n\n\n## Next\n- kept\n",
    ),
    ("# Lab\n## BOUND\n- old\n# Next\n", "\n# Next\n"),
    (f"a\n{section.BEGIN}\nold\n{section.END}\nb\n## BOUND\n- b\n", "\nb\n## BOUND\n- b\n"),
    ("```\n## BOUND\n```\n", None),
    ("\ufeff# Lab\r\n\r\n## BOUND\r\n- old\r\n\r\n# Next\x0c\r\n", "\r\n\r\n# Next\x0c\r\n"),
]


@pytest.mark.parametrize(("before", "tail"), AROUND, ids=range(len(AROUND)))
def test_all_else_in_a_file_stays_as_it_is(original, init, before, tail):
    init(original)
    file = original.path / "CLAUDE.md"
    file.write_bytes(before.encode())

    status, _, _ = init(original, "--render", "CLAUDE.md")
    once = file.read_bytes()
    _, out, _ = init(original, "--render", "CLAUDE.md")

    text = once.decode()
    head, rest = text[: text.index(section.BEGIN)], text[text.index(section.END) :]
    assert status == 0
    assert file.read_bytes() == once
    assert "already" in out
    assert "- old" not in text
    assert text.count("prepare.py: fixed evaluation harness") == 1
    assert text.count("\n") == text.count("\r\n") or "\r" not in text
    if tail:
        assert before.startswith(head)
        assert rest == section.END + tail
    else:
        assert text.startswith(before)


def test_bytes_that_are_not_text_are_kept(original, init):
    init(original)
    file = original.path / "NOTES.md"
    file.write_bytes(b"\xff\xfe caf\xe9\n")

    init(original, "--render", "NOTES.md")

    assert file.read_bytes().startswith(b"\xff\xfe caf\xe9\n\n<!-- pytest-ouro")


def test_a_full_disk_leaves_the_file_whole(original, init, monkeypatch):
    init(original)
    original.write({"CLAUDE.md": "# Mine\n"})

    def fsync(descriptor):
        os.ftruncate(descriptor, 9)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    status, _, err = init(original, "--render", "CLAUDE.md")

    assert status == 2
    assert "CLAUDE.md cannot be written: No space left on device" in err
    assert (original.path / "CLAUDE.md").read_text() == "# Mine\n"


def test_a_link_to_the_rendered_file_is_kept(original, init):
    init(original)
    original.write({"AGENTS.md": "# Mine\n"})
    (original.path / "CLAUDE.md").symlink_to("AGENTS.md")

    init(original, "--render", "CLAUDE.md")

    assert (original.path / "CLAUDE.md").is_symlink()
    assert section.BEGIN in (original.path / "AGENTS.md").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{section.BEGIN}\n", "1 begin and 0 end markers"),
        (f"{section.END}\n{section.BEGIN}\n", "1 begin and 1 end markers"),
        ("## BOUND\n## BOUND\n", "several BOUND sections: lines 1, 2"),
        ("## NEVER DO\n- a\n", "outside of a BOUND section"),
    ],
)
def test_an_unclear_place_is_refused(original, init, text, message):
    init(original)
    original.write({"CLAUDE.md": text})

    status, _, err = init(original, "--render", "CLAUDE.md")

    assert status == 2
    assert message in err
    assert (original.path / "CLAUDE.md").read_text() == text


def test_a_bound_that_is_not_there_or_is_faulty_is_not_rendered(original, init):
    status, _, err = init(original, "--render")
    original.write({"bound.toml": "[bond]\n"})
    faulty, _, faults = init(original, "--render", "CLAUDE.md")

    assert (status, faulty) == (2, 2)
    assert "no bound.toml" in err
    assert "unknown table 'bond'" in faults
    assert not (original.path / "CLAUDE.md").exists()


def test_words_with_quotes_and_control_characters_stay_one_rule(original, init):
    words = 'Never say "no" \\ or \x7f\x07 — “ever” 🚫'
    original.write({"CLAUDE.md": f"## BOUND\n### NEVER DO\n- {words}\n- Modify prepare.py\n"})

    status, out, _ = init(original)

    assert status == 0
    assert "\x07" not in out
    assert parsed(original).rules[0].sentence == words


@pytest.mark.parametrize("option", ["--render", "--program"])
@pytest.mark.parametrize("place", ["../victim", "folder/victim", ".git/hooks/post-commit"])
def test_no_text_is_written_through_a_link_that_leads_outside(original, init, option, place):
    init(original)
    victim = original.path.parent / "victim"
    victim.write_text("precious")
    if place == "folder/victim":
        (original.path / "folder").symlink_to("..")
        name = place
    else:
        (original.path / "NOTES.md").symlink_to(place)
        name = "NOTES.md"

    status, _, err = init(original, option, name, "--force")

    assert status == 2
    assert "which is not a file of this repository" in err
    assert victim.read_text() == "precious"
    assert not (original.path / ".git/hooks/post-commit").exists()


@pytest.mark.parametrize("option", ["--render", "--program"])
@pytest.mark.parametrize("folder", [".", ".."])
def test_a_link_that_leads_to_itself_is_refused(original, init, option, folder):
    init(original)
    link = original.path / folder / "NOTES.md"
    link.symlink_to("other.md")
    link.with_name("other.md").symlink_to("NOTES.md")

    status, _, err = init(original, option, f"{folder}/NOTES.md", "--force")

    assert status == 2
    assert "which is not a file of this repository" in err
    assert link.is_symlink()


@pytest.mark.parametrize("option", ["--render", "--program"])
def test_a_link_to_a_file_of_the_repository_stays_one(original, init, option):
    init(original)
    original.write({"docs/rules.md": ""})
    (original.path / "NOTES.md").symlink_to("docs/rules.md")

    assert init(original, option, "NOTES.md")[0] == 0

    assert (original.path / "NOTES.md").is_symlink()
    assert (original.path / "docs/rules.md").read_text()


def test_a_file_that_a_user_names_outside_of_the_repository_is_written(original, init):
    init(original)
    assert init(original, "--render", "../NOTES.md")[0] == 0
    assert (original.path.parent / "NOTES.md").read_text()
