"""bound.toml: valid keys and values, and each fault with its line and the nearest name."""

import re

import pytest

from pytest_ouro.bound import read as bounds
from pytest_ouro.bound import tables
from pytest_ouro.bound.json_schema import schema
from pytest_ouro.checks import CHECKS, load
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.schema import demand_relations

TEXT = """\
[bound]
name = "toy"

[experiment]
script   = "train.py"
editable = ["train.py"]
harness  = "prepare.py"
evaluate = "evaluate_bpb"
budget   = 300

[verdict]
margin = 2.0

[[danger-zone]]
id    = "prepare"
rule  = "prepare.py is fixed."
check = "frozen"
paths = ["prepare.py"]

[[never-do]]
id    = "commit-results"
rule  = "Never commit results.tsv."
check = "untracked"
paths = ["results.tsv"]

[[iron-law]]
id    = "only-train-py"
rule  = "Only train.py is modified."
check = "scope"
"""


def problems(text, **how):
    with pytest.raises(BoundError) as caught:
        bounds.parse(text, **how)
    return caught.value.problems


def changed(old, new):
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_whole_bound_is_read():
    bound = bounds.parse(TEXT, folder="lab")

    assert bound.name == "toy"
    assert [rule.key for rule in bound.rules] == [
        "danger-zone::prepare",
        "never-do::commit-results",
        "iron-law::only-train-py",
    ]
    assert [rule.line for rule in bound.rules] == [14, 20, 26]
    assert bound.rules[0].sentence == "prepare.py is fixed."
    assert bound.rules[0].checker == load("frozen")(paths=("prepare.py",))
    assert bound.path("prepare.py") == "lab/prepare.py"


def test_the_least_bound_has_the_laws_defaults():
    experiment = bounds.parse(TEXT).experiment

    assert experiment.tolerance == 6
    assert experiment.timeout == 600
    assert experiment.metric == "val_bpb"
    assert experiment.direction == "lower"
    assert experiment.clock == "wall"
    assert experiment.ledger == "results.tsv"
    assert experiment.allowed == ("run.log", "results.tsv")


def test_rules_are_in_the_order_of_their_tables():
    moved = TEXT[TEXT.index("[[iron-law]]") :] + "\n" + TEXT[: TEXT.index("[[iron-law]]")]

    assert [rule.section for rule in bounds.parse(moved).rules] == list(bounds.SECTIONS)


def test_paths_are_relative_to_the_root():
    bound = bounds.parse(changed('script   = "', 'root = "../exp"\nscript = "'), folder="lab")

    assert bound.root == "exp"
    assert bound.path("prepare.py") == "exp/prepare.py"


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_can_be_loaded(check):
    assert load(check).stage in ("repository", "ledger", "run", "human")


FAULTS = {
    "an unknown table": (
        *("[verdict]", "[verdct]"),
        "bound.toml:11: unknown table 'verdct'; did you mean 'verdict'?",
    ),
    "a table with one bracket": (
        *("[[danger-zone]]", "[danger-zone]"),
        "bound.toml:14: write [[danger-zone]], with two brackets: rules are a list",
    ),
    "a misspelt table of rules": (
        *("[[never-do]]", "[[never-dos]]"),
        "bound.toml:20: unknown table 'never-dos'; did you mean 'never-do'?",
    ),
    "an unknown key of the bound": (
        *('name = "toy"', 'nme = "toy"'),
        "bound.toml:2: unknown key 'nme' in [bound]; did you mean 'name'?",
    ),
    "an unknown key of the experiment": (
        *("budget   = 300", "budget = 300\nbugdet = 1"),
        "bound.toml:10: unknown key 'bugdet' in [experiment]; did you mean 'budget'?",
    ),
    "a missing key of the experiment": (
        *('script   = "train.py"', ""),
        "bound.toml:7: [experiment]: lacks the key 'script': an experiment has script, harness, "
        "evaluate or command, perhaps with evaluate-command",
    ),
    "a script and a command": (
        *("budget   = 300", 'budget = 300\ncommand = ["make"]\nevaluate-command = ["./score"]'),
        "bound.toml:10: [experiment]: 'script' and 'command' exclude each other: an experiment has",
    ),
    "a command and a harness": (
        *('script   = "train.py"', 'command = ["make"]\nevaluate-command = ["./score"]'),
        "bound.toml:5: [experiment]: 'harness' and 'command' exclude each other",
    ),
    "another type": (
        *("budget   = 300", 'budget = "300"'),
        "bound.toml:9: 'budget' in [experiment] must be a number above 0, at most "
        "31536000, not '300'",
    ),
    "a text for a list": (
        *('editable = ["train.py"]', 'editable = "train.py"'),
        "bound.toml:6: 'editable' in [experiment] must be a list of text with at least 1 item",
    ),
    "an unknown choice": (
        *("budget   = 300", 'budget = 300\ndirection = "lowest"'),
        "bound.toml:10: 'direction' in [experiment] must be one of 'lower', 'higher', not "
        "'lowest'; did you mean 'lower'?",
    ),
    "nothing editable": (
        *('editable = ["train.py"]', "editable = []"),
        "bound.toml:6: 'editable' in [experiment] must be a list of text with at least 1 item",
    ),
    "no budget": (
        *("budget   = 300", "budget = 0"),
        "bound.toml:9: 'budget' in [experiment] must be a number above 0, at most 31536000, not 0",
    ),
    "an endless budget": (
        *("budget   = 300", "budget = inf"),
        "bound.toml:9: 'budget' in [experiment] must be a number above 0, at most "
        "31536000, not inf",
    ),
    "a timeout within the budget": (
        *("budget   = 300", "budget = 300\ntimeout = 300"),
        "bound.toml:10: [experiment]: 'timeout' is 300 and 'budget' 300: every run would be killed",
    ),
    "no interpreter": (
        *("budget   = 300", "budget = 300\npython = []"),
        "bound.toml:10: 'python' in [experiment] must be a list of text with at least 1 item",
    ),
    "an unknown key of the verdict": (
        *("margin = 2.0", "margn = 2.0"),
        "bound.toml:12: unknown key 'margn' in [verdict]; did you mean 'margin'?",
    ),
    "an unknown noise": (
        *("margin = 2.0", 'noise = "automatic"'),
        "bound.toml:12: 'noise' in [verdict] must be a number from 0 to 1e+18 or 'auto', "
        "not 'automatic'",
    ),
    "an unknown check": (
        *('check = "untracked"', 'check = "untraced"'),
        "bound.toml:23: unknown check 'untraced'; did you mean 'untracked'?",
    ),
    "a check that is not a name": (
        *('check = "untracked"', 'check = ["untracked"]'),
        "bound.toml:23: unknown check ['untracked']; did you mean 'untracked'?",
    ),
    "a rule without a check": (
        *('check = "scope"', ""),
        "bound.toml:26: the rule 'only-train-py' has no check: a law nobody can check is not a law",
    ),
    "a rule without an id": (
        *('id    = "prepare"', ""),
        "bound.toml:14: [danger-zone] lacks the key 'id'",
    ),
    "a rule without its sentence": (
        *('rule  = "prepare.py is fixed."', ""),
        "bound.toml:14: [danger-zone] lacks the key 'rule'",
    ),
    "an unknown key of a check": (
        *('check = "scope"', 'check = "scope"\nwithn = "lab"'),
        "bound.toml:30: unknown key 'withn' in [iron-law]; did you mean 'within'?",
    ),
    "a key of another check": (
        *('check = "scope"', 'check = "scope"\npaths = ["a"]'),
        "bound.toml:30: unknown key 'paths' in [iron-law]",
    ),
    "a missing key of a check": (
        *('paths = ["results.tsv"]', ""),
        "bound.toml:20: [never-do] lacks the key 'paths'",
    ),
    "another type for a check": (
        *('paths = ["prepare.py"]', 'paths = ["prepare.py"]\nhistory = "yes"'),
        "bound.toml:19: 'history' in [danger-zone] must be true or false, not 'yes'",
    ),
    "no paths": (
        *('paths = ["prepare.py"]', "paths = []"),
        "bound.toml:18: 'paths' in [danger-zone] must be a list of text with at least 1 item",
    ),
    "an id that no node id could hold": (
        *('id    = "prepare"', 'id = "Prepare me"'),
        "bound.toml:15: 'id' in [danger-zone] must be text, words of a-z and 0-9 with `-` between, "
        "not 'Prepare me'",
    ),
    "an unknown severity": (
        *('check = "scope"', 'check = "scope"\nseverity = "warning"'),
        "bound.toml:30: 'severity' in [iron-law] must be one of 'error', 'warn', not 'warning'; "
        "did you mean 'warn'?",
    ),
    "a warning without a reason": (
        *('check = "scope"', 'check = "scope"\nseverity = "warn"'),
        "bound.toml:26: the rule 'only-train-py' is weakened and must state a reason",
    ),
    "a human check without a reason": (
        *('check = "scope"', 'check = "human"'),
        "bound.toml:26: the rule 'only-train-py' is weakened and must state a reason",
    ),
    "a rule's path outside": (
        *('paths = ["results.tsv"]', 'paths = ["../results.tsv"]'),
        "bound.toml:24: 'paths' in [never-do] must be a glob of files inside the repository, "
        "relative to the experiment's root, not '../results.tsv': it lies outside the repository",
    ),
    "an absolute path": (
        *('paths = ["results.tsv"]', 'paths = ["/etc/passwd"]'),
        "bound.toml:24: 'paths' in [never-do] must be a glob of files inside the repository, "
        "relative to the experiment's root, not '/etc/passwd': it lies outside the repository",
    ),
    "a script outside": (
        *('script   = "train.py"', 'script = "../train.py"'),
        "bound.toml:5: 'script' in [experiment] must be a path inside the repository, "
        "relative to the experiment's root, not '../train.py': it lies outside the repository",
    ),
    "an editable file outside": (
        *('editable = ["train.py"]', 'editable = ["../*"]'),
        "bound.toml:6: 'editable' in [experiment] must be a glob of files inside the repository, "
        "relative to the experiment's root, not '../*': it lies outside the repository",
    ),
    "a root outside": (
        *('script   = "train.py"', 'script = "train.py"\nroot = ".."'),
        "bound.toml:6: 'root' in [experiment] must be a folder inside the repository, relative to "
        "the folder of bound.toml, which is \".\", not '..': it lies outside the repository",
    ),
    "an empty path": (
        *('paths = ["results.tsv"]', 'paths = ["a", ""]'),
        "bound.toml:24: 'paths' in [never-do] must be a list of text with at least 1 item, "
        "each not empty, not ''",
    ),
    "a home folder": (
        *('paths = ["results.tsv"]', 'paths = ["~/results.tsv"]'),
        "bound.toml:24: 'paths' in [never-do] must be a glob of files inside the repository, "
        "relative to the experiment's root, not '~/results.tsv': "
        "~ is the home folder only for files of data",
    ),
    "a glob that names a folder": (
        *('paths = ["results.tsv"]', 'paths = ["./"]'),
        "bound.toml:24: 'paths' in [never-do] must be a glob of files inside the repository, "
        "relative to the experiment's root, not './': write ** for all files",
    ),
    "a null character": (
        *('paths = ["results.tsv"]', 'paths = ["a\\u0000"]'),
        "bound.toml:24: 'paths' in [never-do] must be a glob of files",
    ),
    "a symbol's file outside": (
        *(
            'check = "frozen"\npaths = ["prepare.py"]',
            'check = "frozen-symbol"\npath = "../x"\nsymbol = "f"',
        ),
        "bound.toml:18: 'path' in [danger-zone] must be a path inside the repository",
    ),
    "a watched folder outside": (
        *('check = "scope"', 'check = "scope"\nwithin = "../.."'),
        "bound.toml:30: 'within' in [iron-law] must be a folder inside the repository",
    ),
    "an empty watched folder": (
        *('check = "scope"', 'check = "scope"\nwithin = ""'),
        "bound.toml:30: 'within' in [iron-law] must be a folder inside the repository",
    ),
    "an empty pattern of data": (
        *('check = "scope"', 'check = "frozen-data"\ntrain = [""]'),
        "bound.toml:30: 'train' in [iron-law] must be a list of text, each not empty, not ''",
    ),
    "data of one device": (
        *("[verdict]", '[experiment.cuda]\ndata = [""]\n[verdict]'),
        "bound.toml:12: 'data' in [experiment.cuda] must be a list of text, each not empty, not ''",
    ),
    "an unknown key for a device": (
        *("[verdict]", "[experiment.cpu]\nbudgt = 20\n[verdict]"),
        "bound.toml:12: 'budgt' cannot be set in [experiment.cpu]; did you mean 'budget'?",
    ),
    "a key that no device may change": (
        *("[verdict]", '[experiment.cpu]\nharness = "x.py"\n[verdict]'),
        "bound.toml:12: 'harness' cannot be set in [experiment.cpu]",
    ),
    "another type for a device": (
        *("[verdict]", '[experiment.cuda]\nclock = "cup"\n[verdict]'),
        "bound.toml:12: 'clock' in [experiment.cuda] must be one of 'wall', 'cpu', 'steps', not "
        "'cup'; did you mean 'cpu'?",
    ),
    "a device that is not a table": (
        *("budget   = 300", "budget = 300\ncpu = 20"),
        "bound.toml:10: [experiment.cpu] must be a table",
    ),
    "an unknown device": (
        *("[verdict]", "[experiment.tpu]\nbudget = 20\n[verdict]"),
        "bound.toml:11: unknown key 'tpu' in [experiment]",
    ),
    "an unknown key of a device's verdict": (
        *("[[danger-zone]]", "[verdict.cpu]\nnois = 1\n[[danger-zone]]"),
        "bound.toml:15: 'nois' cannot be set in [verdict.cpu]; did you mean 'noise'?",
    ),
}


@pytest.mark.parametrize(("old", "new", "problem"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_reported_with_its_line(old, new, problem):
    found = problems(changed(old, new))

    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_duplicate_id_names_the_first():
    text = TEXT + TEXT[TEXT.index("[[iron-law]]") :]

    assert problems(text) == ("bound.toml:31: 'only-train-py' is already a rule at line 26",)


def test_one_id_may_stand_in_two_tables():
    text = changed('id    = "commit-results"', 'id = "prepare"')

    assert bounds.parse(text).rules[1].key == "never-do::prepare"


def test_a_path_fault_has_the_line_of_its_own_rule_though_another_is_unsound():
    text = TEXT + '[[iron-law]]\nid = "x"\nrule = "x"\ncheck = "frozen"\npaths = ["../x"]\n'
    text = text.replace('check = "scope"', 'check = "scpe"')

    found = problems(text)

    assert [problem.split(": ")[0] for problem in found] == ["bound.toml:29", "bound.toml:34"]


@pytest.mark.parametrize("text", ["", "# nothing\n", 'x = "y"\n'])
def test_an_empty_bound_lacks_everything(text):
    found = "\n".join(problems(text))

    assert "the table [experiment] is missing" in found
    assert "no rules: state at least one [[danger-zone]], [[never-do]], [[iron-law]]" in found


def test_a_bound_without_rules_is_refused():
    assert problems(TEXT[: TEXT.index("[[danger")]) == (
        "bound.toml: no rules: state at least one [[danger-zone]], [[never-do]], [[iron-law]]",
    )


@pytest.mark.parametrize("table", ["bound", "experiment", "verdict"])
def test_a_value_for_a_table_is_refused(table):
    text = TEXT[TEXT.index("[[danger") :]
    text = f"{table} = 3\n" + text

    assert any(f"[{table}] must be a table" in problem for problem in problems(text))


def test_a_list_of_values_for_rules_is_refused():
    text = 'iron-law = ["be good"]\n' + TEXT[: TEXT.index("[[iron-law]]")]

    assert problems(text) == ("bound.toml:1: [[iron-law]] must be a table",)


def test_what_is_not_toml_is_reported_with_the_files_name():
    [problem] = problems("[bound\n", name="lab/bound.toml")

    assert problem.startswith("lab/bound.toml: not TOML: ")
    assert "line 1" in problem


def test_all_faults_are_reported_at_once_in_the_order_of_the_file():
    text = (
        TEXT.replace('name = "toy"', 'nme = "toy"')
        .replace("budget   = 300", 'budget = "long"')
        .replace("margin", "margn")
        .replace('check = "frozen"', 'check = "forzen"')
        .replace('check = "untracked"', "")
        .replace('check = "scope"', 'check = "scope"\nwithn = "x"')
        + "[extra]\n"
    )

    found = problems(text)

    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == [2, 9, 12, 17, 20, 30, 31]


def test_faults_of_a_device_are_reported_beside_those_of_the_experiment():
    text = changed("budget   = 300", "budgt = 300").replace(
        "[verdict]", "[experiment.cpu]\nharness = 1\n[verdict]"
    )

    found = "\n".join(problems(text))

    assert "'budgt'" in found
    assert "'harness' cannot be set in [experiment.cpu]" in found


def test_a_device_may_override_what_belongs_to_it():
    text = changed(
        "budget   = 300",
        "budget = 300\ntolerance = 6\ntimeout = 900\n"
        '[experiment.cpu]\nbudget = 20\nclock = "cpu"\n[experiment.cuda]\ntolerance = 3',
    )

    bound = bounds.parse(text)

    cpu, cuda = bound.experiments["cpu"], bound.experiments["cuda"]
    assert (cpu.budget, cpu.clock, cpu.script) == (20, "cpu", "train.py")
    assert (cuda.budget, cuda.clock, cuda.tolerance, cuda.timeout) == (300, "wall", 3, 900)


def test_limits_of_another_budget_are_not_inherited():
    text = changed(
        "budget   = 300",
        "budget = 300\ntolerance = 6\ntimeout = 900\n[experiment.cpu]\nbudget = 20",
    )

    cpu = bounds.parse(text).experiments["cpu"]

    assert (cpu.tolerance, cpu.timeout) == (1, 50)


def test_a_device_has_its_own_verdict():
    text = changed("margin = 2.0", "margin = 2.0\n[verdict.cpu]\nnoise = 0.01")

    bound = bounds.parse(text)

    assert (bound.verdicts["cpu"].noise, bound.verdicts["cpu"].margin) == (0.01, 2.0)
    assert bound.verdicts["cuda"].noise == "auto"


@pytest.mark.parametrize(
    ("keys", "lines", "write"),
    [
        ("sigmas = 2.0", [12], "write margin = 0 in place of 'sigmas' and 'hard', which keeps"),
        ("hard = true", [12], "write margin = 1.4 in place of 'sigmas' and 'hard'"),
        ("hard = true\nsigmas = 3", [12, 13], "write margin = 2.1 in place of"),
        ("hard = false\nsigmas = 3", [12, 13], "write margin = 0 in place of"),
        ("hard = true\n[verdict.cpu]\nsigmas = 3", [12, 14], "write margin = 2.1 in place of"),
        ('hard = true\nsigmas = "two"', [12, 13], "write margin = 0 in place of"),
    ],
)
def test_keys_of_earlier_versions_are_refused_with_what_to_write(keys, lines, write):
    found = problems(changed("margin = 2.0", keys))

    assert [int(problem.split(":")[1]) for problem in found] == lines
    assert all(" is gone: " in problem for problem in found)
    assert write in found[-1]
    assert "in [verdict" in found[-1]


def test_what_is_written_in_place_of_these_keys_keeps_the_same_runs():
    found = problems(changed("margin = 2.0", "hard = true\nsigmas = 2.5"))
    written = re.search(r"write (margin = [\d.]+) ", found[0])

    bound = bounds.parse(changed("margin = 2.0", written[1]))

    assert bound.verdicts["cpu"].margin * 2**0.5 == pytest.approx(2.5, rel=0.03)


COMMAND = re.sub("(?m)^(script|harness|evaluate) .*\n", "", TEXT).replace(
    "budget   = 300", 'budget = 300\ncommand = ["make"]\nevaluate-command = ["./score"]'
)


def test_a_command_needs_neither_script_nor_harness():
    experiment = bounds.parse(COMMAND).experiment

    assert (experiment.script, experiment.harness, experiment.evaluate) == ("", "", "")
    assert (experiment.command, experiment.evaluate_command) == (("make",), ("./score",))
    assert experiment.program == "make"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param('evaluate-command = ["./score"]', 'artefacts = ["a"]',
                     "bound.toml:7: [experiment]: 'artefacts' has no effect without "
                     "'evaluate-command'", id="nothing evaluates what it leaves"),
        pytest.param('command = ["make"]\n', "",
                     "bound.toml:7: [experiment]: lacks the key 'command'", id="nothing is run"),
        pytest.param('["make"]', "[]",
                     "bound.toml:7: 'command' in [experiment] must be a list of text with at "
                     "least 1 item", id="no words"),
        pytest.param('["make"]', '"make all"',
                     "bound.toml:7: 'command' in [experiment] must be a list of text with at "
                     "least 1 item", id="words for a shell"),
    ],
)  # fmt: skip
def test_a_fault_of_a_command_has_its_line(old, new, problem):
    (found,) = problems(COMMAND.replace(old, new, 1))

    assert found.startswith(problem)


@pytest.mark.parametrize("given", range(32))
def test_the_schema_for_editors_demands_the_same_keys(given):
    keys = [key for kind in tables.KINDS for key in kind]
    stated = {key for number, key in enumerate(keys) if given >> number & 1}
    kinds = schema()["properties"]["experiment"]["oneOf"]
    valid = [k for k in kinds if stated >= set(k["required"]) and not stated & set(k["properties"])]

    values = {key: ("x",) if "command" in key else "x.py" for key in stated}
    values = {key.replace("-", "_"): value for key, value in values.items()}
    try:
        demand_relations(tables.Experiment(editable=("x.py",), budget=1.0, **values))
    except ValueError:
        assert not valid
    else:
        assert len(valid) == 1


LEDGERS = {
    ".": "it is a folder",
    "./": "it is a folder",
    "logs/": "it is a folder",
    ".git/hooks/pre-commit": "it belongs to git",
    "logs/.GIT/config": "it belongs to git",
    ".g\u200cit/config": "it belongs to git",
    ".gitignore": "it belongs to git",
    "bound.toml": "it states the rules",
    "Bound.lock": "it states the rules",
    "run.log": "it is the log of a run",
    "train.py": "it is what the experiment runs or edits",
    "prepare.py": "it is what the experiment runs or edits",
    "conftest.py": "it is data, code or settings",
    "pyproject.toml": "it is data, code or settings",
    "Makefile": "it is data, code or settings",
    "notes.md": "a rule freezes it",
}


@pytest.mark.parametrize("ledger", LEDGERS)
def test_a_ledger_that_is_anything_else_is_refused_with_its_line(ledger):
    text = TEXT.replace("budget ", f'ledger    = "{ledger}"\nbudget ', 1)
    text = text.replace('paths = ["prepare.py"]', 'paths = ["prepare.py", "notes.md"]', 1)
    with pytest.raises(BoundError) as caught:
        bounds.parse(text)
    [problem] = caught.value.problems
    line = text[: text.index("ledger ")].count("\n") + 1
    assert problem.startswith(
        f"bound.toml:{line}: 'ledger' in [experiment] must be a file for rows"
    )
    assert problem.endswith(LEDGERS[ledger])


@pytest.mark.parametrize(
    "ledger", ["results.tsv", "logs/results.tsv", "notes/log", "a.md", "x.csv", "x.jsonl"]
)
def test_a_ledger_of_any_other_name_is_lawful(ledger):
    text = TEXT.replace("budget ", f'ledger    = "{ledger}"\nbudget ', 1)
    assert bounds.parse(text).experiment.ledger == ledger


def test_a_ledger_outside_of_the_experiment_s_folder_is_refused():
    text = TEXT.replace("budget ", 'ledger    = "../results.tsv"\nroot = "lab"\nbudget ', 1)
    with pytest.raises(BoundError, match="it lies outside the experiment's folder"):
        bounds.parse(text)


def test_a_ledger_that_a_command_names_is_refused():
    own = 'script   = "train.py"\n'
    text = TEXT.replace(own, 'command = ["python", "-c", ""]\nledger = "score"\n')
    text = text.replace('harness  = "prepare.py"\nevaluate = "evaluate_bpb"\n', "")
    text = text.replace("budget ", 'evaluate-command = ["sh", "./score"]\nbudget ', 1)
    with pytest.raises(BoundError, match="it is what the experiment runs or edits"):
        bounds.parse(text)


def test_a_bound_may_state_its_version():
    stated = bounds.parse(TEXT.replace('name = "toy"', "version = 1"))
    assert stated == bounds.parse(TEXT.replace('name = "toy"', ""))


def test_the_bound_of_a_later_version_is_refused_whatever_else_it_has():
    text = TEXT.replace('name = "toy"', 'name = "toy"\nversion = 2\nunheard-of = 1')
    with pytest.raises(BoundError, match=r"bound\.toml is for a later pytest-ouro") as caught:
        bounds.parse(text)
    assert caught.value.help == "pip install --upgrade pytest-ouro"
    assert len(caught.value.problems) == 1
