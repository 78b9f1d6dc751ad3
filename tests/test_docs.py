"""The pages say what the code does: tables, sections, examples, and the schema for editors."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_ouro.bound.read import parse
from pytest_ouro.checks import CHECKS, load
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.schema import keys_of
from pytest_ouro.evidence import toml
from pytest_ouro.onboarding.recognise import READERS

ROOT = Path(__file__).parents[1]
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = [*(ROOT / name for name in TOP), *sorted(ROOT.glob("docs/**/*.md"))]
#: Where a link leads that is neither an address of the web nor part of a code block.
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
#: The page of each check.
CHECK_PAGES = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/checks/*.md"))
}
EXPERIMENT = """\
[experiment]
script   = "train.py"
editable = ["train.py"]
harness  = "prepare.py"
evaluate = "evaluate_bpb"
budget   = 300
"""


def blocks(language, text):
    """The fenced blocks of a page that are in this language."""
    return [block for kind, block in FENCE.findall(text) if kind == language]


def test_what_is_generated_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


def test_every_check_has_its_page_and_no_other_has_one():
    assert set(CHECK_PAGES) == set(CHECKS)
    for name, page in CHECK_PAGES.items():
        assert page.startswith(f"# `{name}`\n")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_s_code_and_tests_are_found_by_its_name(name):
    module = name.replace("-", "_")

    assert load(name).__module__ == f"pytest_ouro.checks.{module}"
    assert (ROOT / f"tests/checks/test_{module}.py").is_file()


def test_every_check_is_recognised_in_a_person_s_words_or_must_be_stated():
    assert {check for check, *_ in READERS} | {"command", "human"} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_page_states_the_purpose_an_example_and_the_options(name):
    section = CHECK_PAGES[name]
    [example, *_] = blocks("toml", section)
    bound = parse(f"{EXPERIMENT}\n{example}\n{SCOPE}")

    [rule] = [rule for rule in bound.rules if rule.id != "scope"]
    assert rule.check == name
    assert f"<!-- purpose: {name} -->" in section
    for key in keys_of(load(name)):
        assert f"| `{key}` |" in section


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {"human"}))
def test_a_page_shows_what_a_person_will_read(name):
    [shown, *_] = blocks("", CHECK_PAGES[name])
    first, why, *_, help = shown.splitlines()

    assert re.match(r"(danger-zone|never-do|iron-law)::[a-z-]+ BROKEN: ", first)
    assert re.match(rf"  bound\.toml:\d+ \[{name}\]  why: ", why)
    assert help.startswith("  help: ")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":  # of an image it says for which colours it is
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(text):
    """The names by which links lead to the headings of a page, and those that it gives itself."""
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    slugs = [re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings]
    return {*slugs, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.fixture(scope="module")
def validator():
    """The schema that editors use, as a validator."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "docs/bound.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_repository_s_own_bound_is_valid(validator):
    text = (ROOT / "bound.toml").read_text(encoding="utf-8")

    assert [error.message for error in validator.iter_errors(toml.loads(text))] == []
    assert len(parse(text).rules) == 15


SCOPE = '[[iron-law]]\nid = "scope"\nrule = "x"\ncheck = "scope"\n'
FROZEN = '[[never-do]]\nid = "x"\nrule = "x"\ncheck = "frozen"\n'
HUMAN = '[[iron-law]]\nid = "taste"\nrule = "x"\ncheck = "human"\nreason = "taste"\n'
GOOD = {
    "the least": EXPERIMENT + SCOPE,
    "a title": '[bound]\nname = "x"\n' + EXPERIMENT + SCOPE,
    "a profile": EXPERIMENT + "[experiment.cpu]\nbudget = 20\nclock = 'cpu'\n" + SCOPE,
    "noise by repeats": EXPERIMENT + "[verdict]\nnoise = 'auto'\n" + SCOPE,
    "noise as a number": EXPERIMENT + "[verdict]\nnoise = 1\nmargin = 0.5\n" + SCOPE,
    "noise of a profile": EXPERIMENT + "[verdict.cpu]\nnoise = 0.1\n" + SCOPE,
    "a parameter": EXPERIMENT + SCOPE + 'within = "lab"\n',
    "a list": EXPERIMENT + FROZEN + 'paths = ["a", "b/*"]\nhistory = true\n',
    "a rule that only warns": EXPERIMENT + SCOPE + 'severity = "warn"\nreason = "x"\n',
    "for people": EXPERIMENT + SCOPE + HUMAN,
    "a warm-up": EXPERIMENT + "warmup-tokens = 3\nwarmup-seconds = 30\n" + SCOPE,
    "no warm-up": EXPERIMENT + "warmup-tokens = 0\n" + SCOPE,
    "a level": EXPERIMENT + 'level = "judged"\nhighest = "judged"\n' + SCOPE,
    "a whole number written as another": EXPERIMENT + "judged-rows = 64.0\n" + SCOPE,
    "whole numbers for numbers": EXPERIMENT + "tolerance = 3\ntimeout = 900\n" + SCOPE,
}  # fmt: skip
BAD = {
    "nothing": "",
    "no experiment": SCOPE,
    "no script": EXPERIMENT.replace('script   = "train.py"\n', "") + SCOPE,
    "an unknown table": EXPERIMENT + "[verdicts]\n" + SCOPE,
    "an unknown key": EXPERIMENT + "budgt = 3\n" + SCOPE,
    "an unknown key of a rule": EXPERIMENT + SCOPE + 'withn = "lab"\n',
    "another check's key": EXPERIMENT + SCOPE + 'paths = ["x"]\n',
    "a missing parameter": EXPERIMENT + FROZEN,
    "text for a list": EXPERIMENT + FROZEN + 'paths = "prepare.py"\n',
    "a number in a list": EXPERIMENT + FROZEN + "paths = [3]\n",
    "text for a number": EXPERIMENT.replace("300", '"300"') + SCOPE,
    "true for a number": EXPERIMENT.replace("300", "true") + SCOPE,
    "a word for a switch": EXPERIMENT + FROZEN + 'paths = ["x"]\nhistory = "yes"\n',
    "another direction": EXPERIMENT + 'direction = "up"\n' + SCOPE,
    "another noise": EXPERIMENT + '[verdict]\nnoise = "none"\n' + SCOPE,
    "a key that no profile has": EXPERIMENT + '[experiment.cpu]\nscript = "x"\n' + SCOPE,
    "another profile": EXPERIMENT + "[experiment.tpu]\nbudget = 3\n" + SCOPE,
    "a rule without a check": EXPERIMENT + SCOPE.replace('check = "scope"\n', ""),
    "a rule without words": EXPERIMENT + SCOPE.replace('rule = "x"\n', ""),
    "one bracket": EXPERIMENT + SCOPE.replace("[[iron-law]]", "[iron-law]"),
    "another severity": EXPERIMENT + SCOPE + 'severity = "info"\n',
    "an id with spaces": EXPERIMENT + SCOPE.replace('id = "scope"', 'id = "The scope"'),
    "no budget at all": EXPERIMENT.replace("300", "0") + SCOPE,
    "nothing editable": EXPERIMENT.replace('["train.py"]', "[]") + SCOPE,
    "nothing frozen": EXPERIMENT + FROZEN + "paths = []\n",
    "a path without a name": EXPERIMENT + FROZEN + 'paths = [""]\n',
    "a metric of two words": EXPERIMENT + 'metric = "val bpb"\n' + SCOPE,
    "a key of an earlier version": EXPERIMENT + "[verdict]\nsigmas = 2\n" + SCOPE,
    "a negative number": EXPERIMENT + "[verdict]\nmargin = -2\n" + SCOPE,
    "a level that is not in this version": EXPERIMENT + 'level = "sealed"\n' + SCOPE,
    "a level above the highest": EXPERIMENT + 'level = "judged"\nhighest = "supervised"\n' + SCOPE,
    "a warm-up of tokens alone": EXPERIMENT + "warmup-tokens = 3\n" + SCOPE,
    "a warm-up of seconds alone": EXPERIMENT + "warmup-seconds = 3\n" + SCOPE,
    "for people, and no reason": EXPERIMENT + SCOPE.replace('check = "scope"', 'check = "human"'),
}
#: What only the parser sees.
FOR_THE_PARSER = {
    "rules for people alone": EXPERIMENT + HUMAN,
    "no rules": EXPERIMENT,
    "a warning without a reason": EXPERIMENT + SCOPE + 'severity = "warn"\n',
    "a startup that cuts the warm-up": EXPERIMENT
    + "warmup-tokens = 1\nwarmup-seconds = 300\nstartup-seconds = 60\n"
    + SCOPE,
    "the timeout before the budget": EXPERIMENT + "timeout = 3\n" + SCOPE,
    "two rules with one id": EXPERIMENT + SCOPE + SCOPE,
    "a path outside": EXPERIMENT.replace('"prepare.py"', '"../prepare.py"') + SCOPE,
}


@pytest.mark.parametrize("kind", GOOD)
def test_schema_and_parser_agree_on_what_is_good(validator, kind):
    assert parse(GOOD[kind]).rules
    assert [error.message for error in validator.iter_errors(toml.loads(GOOD[kind]))] == []


@pytest.mark.parametrize("kind", BAD)
def test_schema_and_parser_agree_on_what_is_bad(validator, kind):
    with pytest.raises(BoundError):
        parse(BAD[kind])
    assert not validator.is_valid(toml.loads(BAD[kind]))


@pytest.mark.parametrize("kind", FOR_THE_PARSER)
def test_the_parser_sees_more_than_the_schema(kind):
    with pytest.raises(BoundError):
        parse(FOR_THE_PARSER[kind])


def test_a_check_of_a_package_is_good_for_the_schema(validator):
    own = EXPERIMENT + SCOPE.replace('check = "scope"', 'check = "size"\nlines = 3')

    assert validator.is_valid(toml.loads(own))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_has_no_conflict_markers(page):
    assert not re.search(r"^(<<<<<<<|>>>>>>>) ", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_time_of_a_confined_program_is_taken_without_the_start_of_the_sandbox():
    [code] = blocks("python", (ROOT / "docs/levels.md").read_text(encoding="utf-8"))
    clock = [0.0]

    def run(words, **options):
        clock[0] += {"confine": 100.0}[words[0]] + {"./program": 7.0, "true": 0.0}[words[1]]
        return SimpleNamespace(stdout=b"")

    names = {
        "os": SimpleNamespace(environ={"OURO_CONFINE": "confine"}),
        "shlex": shlex,
        "subprocess": SimpleNamespace(run=run, PIPE=subprocess.PIPE),
        "text": b"",
        "time": SimpleNamespace(perf_counter=lambda: clock[0]),
    }
    exec(code, names)
    assert names["seconds"] == 7


def test_the_home_page_leads_to_each_question():
    questions = re.findall(r"(?m)^## (.*)$", (ROOT / "docs/faq.md").read_text(encoding="utf-8"))
    home = (ROOT / "docs/index.md").read_text(encoding="utf-8")

    assert len(questions) >= 12
    assert [one for one in questions if f"[{one}](faq.md#" not in home] == []


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 150
    assert len([line for line in lines if line.startswith("python3 -m venv")]) == 3


def test_the_readme_on_the_package_index_has_links_that_lead_there():
    project = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    readme = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / readme["fragments"][0]["path"]).read_text(encoding="utf-8")
    for one in readme["substitutions"]:
        text = re.sub(one["pattern"], one["replacement"], text)
    home = project["project"]["urls"]["Source"]
    targets = re.findall(r'(?:\]\(|src="|srcset=")([^)"]+)', text)

    assert [one for one in targets if not one.startswith(("https://", "#"))] == []
    ours = [one.removeprefix(f"{home}/") for one in targets if one.startswith(home)]
    assert len(ours) > 20
    assert [one for one in ours if not re.match("(blob|raw)/main/", one)] == []


def test_every_page_is_in_the_navigation_and_every_check_in_its_place():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m): (\S+\.md)$", text))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}

    assert pages - {"examples/prompt/prompt.md"} <= named
    assert named - pages == {"changelog.md", "contributing.md", "security.md"}
