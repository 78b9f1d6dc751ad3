"""bound.toml under pytest: which items are collected and reported, and which are always run."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

RULES = [
    "bound.toml::danger-zone::prepare",
    "bound.toml::never-do::modify-prepare",
    "bound.toml::never-do::add-dependencies",
    "bound.toml::never-do::exceed-budget",
    "bound.toml::never-do::commit-results",
    "bound.toml::iron-law::only-train-py",
    "bound.toml::iron-law::log-every-experiment",
]
BROKEN_PREPARE = ("prepare.py", "float(model)", "0.5")


def collected(result):
    return [line for line in result.outlines if "::" in line]


def test_every_rule_has_a_node_id(run_pytest):
    result = run_pytest("bound.toml", "--collect-only", "-q")

    assert collected(result) == RULES


@pytest.mark.parametrize("rule", [RULES[1], RULES[5]])
def test_a_node_id_selects_its_rule(run_pytest, rule):
    run_pytest(rule).assert_outcomes(passed=1)


def test_a_section_can_be_selected(run_pytest):
    result = run_pytest("bound.toml::never-do", "--collect-only", "-q")

    assert collected(result) == RULES[1:5]


def test_a_node_id_that_names_no_rule_is_an_error(run_pytest):
    result = run_pytest("bound.toml::never-do::nothing")

    assert result.ret == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-m", "danger_zone"], RULES[:1]),
        (["-m", "never_do"], RULES[1:5]),
        (["-m", "iron_law"], RULES[5:]),
        (["-m", "not never_do"], [RULES[0], *RULES[5:]]),
        (["-k", "prepare"], RULES[:2]),
        (["--deselect", RULES[0]], RULES[1:]),
    ],
)
def test_rules_are_selected_like_tests(run_pytest, options, expected):
    result = run_pytest("bound.toml", "--collect-only", "-q", *options)

    assert collected(result) == expected


def test_the_markers_are_known(run_pytest):
    run_pytest("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.danger_zone: *", "@pytest.mark.never_do: *", "@pytest.mark.iron_law: *"],
        consecutive=False,
    )


def test_a_lawful_experiment_passes(project, run_pytest):
    head = project.git("rev-parse", "--short=7", "HEAD")

    result = run_pytest("bound.toml", "--ouro-trust", "main")

    result.assert_outcomes(passed=5, skipped=2)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"ouro: toy: 7 rules, trust: {head} (--ouro-trust)"])


def test_a_broken_rule_fails_with_its_remedy_and_no_traceback(project, run_pytest):
    project.edit(*BROKEN_PREPARE)

    result = run_pytest("bound.toml")

    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=3, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*_ danger-zone::prepare _*",
            "danger-zone::prepare BROKEN: prepare.py changed (sha256 * → *)",
            "  bound.toml:17 [frozen]  why: prepare.py is the fixed harness.",
            "  changed in: the working tree",
            "  help: git checkout *",
            "FAILED bound.toml::danger-zone::prepare - danger-zone::prepare BROKEN: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*Failure*")


def test_a_skipped_rule_says_why(project, run_pytest):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "taste"')
    project.bless()

    result = run_pytest("bound.toml", "-rs")

    result.assert_outcomes(passed=4, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "SKIPPED * bound.toml:* no run recorded yet",
            "SKIPPED * bound.toml:* only a person can judge it: taste",
        ]
    )


def test_a_rule_that_warns_passes_and_is_reported(project, run_pytest):
    project.edit(
        "bound.toml", 'check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "moving"'
    )
    project.bless()
    project.write({"helper.py": ""})

    result = run_pytest("bound.toml")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*= rules that warn =*",
            "iron-law::only-train-py WARNS: helper.py was added*",
            "  only warns: moving",
        ]
    )


@pytest.mark.parametrize("args", [[], ["."], ["tests"], ["tests", "-k", "works"]])
def test_a_walk_does_not_collect_the_bound(project, run_pytest, args):
    project.write({"tests/test_it.py": "def test_works(): pass\n"})

    result = run_pytest("-v", *args)

    result.assert_outcomes(passed=1)
    assert "bound.toml" not in result.stdout.str()


@pytest.mark.parametrize("arg", ["bound.toml", "./bound.toml", "tests/../bound.toml"])
def test_a_bound_that_is_named_is_collected_beside_tests(project, run_pytest, arg):
    project.write({"tests/test_it.py": "def test_works(): pass\n"})

    result = run_pytest("tests", arg, "--deselect", RULES[5])

    result.assert_outcomes(passed=5, skipped=2, deselected=1)


def test_a_bound_is_named_from_another_folder(project, run_pytest, monkeypatch):
    project.write({"tests/test_it.py": ""})
    monkeypatch.chdir(project.path / "tests")

    result = run_pytest("../bound.toml", "--collect-only", "-q")

    assert len(collected(result)) == 7


def test_testpaths_name_the_bound(project, run_pytest):
    project.write(
        {"pytest.ini": "[pytest]\ntestpaths = tests bound.toml\n", "tests/test_it.py": ""}
    )

    result = run_pytest("--collect-only", "-q")
    assert collected(result) == RULES

    result = run_pytest("-p", "no:ouro")
    assert result.ret == 4


@pytest.mark.parametrize("args", [["bound.toml"], ["--ouro-experiment"], [RULES[1]]])
def test_without_the_plugin_nothing_passes(run_pytest, args):
    assert run_pytest("-p", "no:ouro", *args).ret == 4


def test_a_rule_that_is_ignored_by_name_is_still_judged(project, run_pytest):
    project.edit(*BROKEN_PREPARE)

    assert run_pytest("bound.toml", "--ignore=bound.toml").ret == 1


def test_a_bound_of_another_name_is_named_by_an_option_or_ini(project, run_pytest):
    project.git("mv", "bound.toml", "rules.toml")
    trust = project.commit("another name")

    result = run_pytest("rules.toml", "--ouro-bound", "rules.toml", "--ouro-trust", trust, "-q")
    result.assert_outcomes(passed=5, skipped=2)

    project.write({"pytest.ini": "[pytest]\nouro_bound = rules.toml\n"})
    result = run_pytest("rules.toml", "--ouro-trust", trust, "--collect-only", "-q")
    assert len(collected(result)) == 7


def test_quiet_is_quiet(run_pytest):
    result = run_pytest("bound.toml", "-q")

    lines = [line for line in result.outlines if line]
    assert len(lines) == 2
    assert re.fullmatch(r"[.s]{7} +\[100%\]", lines[0])


def test_the_first_failure_can_end_the_session(project, run_pytest):
    project.edit(*BROKEN_PREPARE)

    run_pytest("bound.toml", "-x").assert_outcomes(failed=1)


def slip(project):
    project.edit("bound.toml", 'check = "scope"', 'check = "scpoe"')
    project.edit("bound.toml", "noise = 0.01", "nois = 0.01")
    project.git("config", "ouro.trust", project.commit("slips of the pen"))


def no_git(project):
    (project.path / ".git").rename(project.path / "git")


def no_commit(project):
    no_git(project)
    project.git("init", "-q")


def no_lock(project):
    (project.path / "bound.lock").unlink()


def altered(project):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')


def unknown_trust(project):
    project.git("config", "ouro.trust", "nowhere")


UNJUDGED = {
    slip: [
        "bound.toml:15: unknown key 'nois' in [[]verdict]; did you mean 'noise'?",
        "bound.toml:49: unknown check 'scpoe'; did you mean 'scope'?",
    ],
    no_git: ["no git repository at *", "  help: git init*"],
    no_commit: ["the repository has no commit yet: *", "  help: *"],
    no_lock: ["no trusted rules: bound.lock does not exist*", "  help: *bless*"],
    altered: ["bound.toml is not the one that was blessed*", "  help: undo the change: *"],
    unknown_trust: ["git config ouro.trust names 'nowhere', which is not a commit*", "  help: *"],
}


@pytest.mark.parametrize("spoil", UNJUDGED, ids=lambda f: f.__name__)
def test_what_cannot_be_judged_is_an_error_of_the_collection(project, run_pytest, spoil):
    spoil(project)

    result = run_pytest("bound.toml")

    assert result.ret == 2
    result.stdout.fnmatch_lines(["*_ ERROR collecting bound.toml _*", *UNJUDGED[spoil]])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.assert_outcomes(errors=1)


def test_a_bound_that_does_not_exist_is_an_error(project, run_pytest):
    (project.path / "bound.toml").unlink()

    assert run_pytest("bound.toml").ret == 4


def test_a_trust_that_is_not_a_commit_names_the_option(run_pytest):
    result = run_pytest("bound.toml", "--ouro-trust", "nowhere")

    assert result.ret == 2
    result.stdout.fnmatch_lines(["--ouro-trust names 'nowhere', which is not a commit*"])


def test_what_cannot_be_judged_later_is_an_error_too(project, run_pytest):
    project.write({"results.tsv/x": ""})

    result = run_pytest(RULES[6])

    assert result.ret == 1
    result.stdout.fnmatch_lines(["log-every-experiment: could not judge: *cannot be read*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("args", "ini", "message"),
    [
        (["--ouro-experiment", "--ouro-budget=0"], "", "--ouro-budget must be more than 0 seconds"),
        (["--ouro-experiment", "--ouro-budget=nan"], "", "--ouro-budget must be more than 0"),
        (["--ouro-device=tpu"], "", "--ouro-device: invalid choice: 'tpu'"),
        (["bound.toml"], "ouro_device = tpu", "'tpu': it must be auto, cpu or cuda"),
        (["--ouro-experiment", "--ouro-bound=no.toml"], "", "no.toml, which does not exist"),
        (["--ouro-experiment", "-n2"], "", "--ouro-experiment cannot be used with -n"),
        (["--ouro-experiment", "-nauto"], "", "--ouro-experiment cannot be used with -n"),
    ],
)
def test_wrong_usage_is_reported_before_anything_is_run(project, run_pytest, args, ini, message):
    if "-n" in message:
        pytest.importorskip("xdist")
    project.write({"pytest.ini": f"[pytest]\n{ini}\n"})

    result = run_pytest(*args)

    assert result.ret == 4
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()
    assert not (project.path / ".git/ouro").exists()


def test_workers_judge_rules(project):
    pytest.importorskip("xdist")
    project.edit(
        "bound.toml", 'check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "moving"'
    )
    project.bless()
    project.edit(*BROKEN_PREPARE)

    # A folder of its own: the default one would first clean up after other sessions.
    done = project.pytest("bound.toml", "-n2", "--basetemp=../workers")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 3 passed, 2 skipped" in done.stdout
    assert "danger-zone::prepare BROKEN: prepare.py changed" in done.stdout
    assert "iron-law::only-train-py WARNS: prepare.py was changed" in done.stdout


#: Two tests, one for each of two workers; they run before any rule is checked.
_CHILDREN = """
import os, pathlib
import pytest

@pytest.mark.parametrize("number", range(2))
def test_it(number):
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pathlib.Path(f"/proc/{pid}/comm").read_text() for pid in children] == []
"""


@pytest.mark.tier(2)
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_a_worker_that_checks_no_rule_keeps_no_process(project):
    pytest.importorskip("xdist")
    project.commit("a test", {"test_it.py": _CHILDREN})
    project.bless()

    # Each worker first gets one of the two tests.
    done = project.pytest("test_it.py", "bound.toml", "-n2", "--basetemp=../workers")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed, 2 skipped" in done.stdout


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_a_session_whose_rules_are_all_deselected_keeps_no_process(project):
    project.commit("a test", {"test_it.py": _CHILDREN})

    done = project.pytest("test_it.py", "bound.toml", "-k", "test_it")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 7 deselected" in done.stdout


def test_a_test_that_needs_an_experiment_is_skipped_without_one(project, run_pytest):
    project.write({"test_it.py": "def test_it(experiment): assert experiment.val_bpb < 9\n"})

    result = run_pytest("test_it.py", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * needs --ouro-experiment"])


SHRINK = ["-m", "iron_law", "-k", "nothing", "--deselect", "bound.toml"]


def test_nothing_shrinks_the_gate_before_a_run(project):
    project.edit(*BROKEN_PREPARE)

    done = project.pytest("--ouro-experiment", *SHRINK, RULES[5])

    assert done.returncode == 1, done.stdout + done.stderr
    assert "danger-zone::prepare BROKEN" in done.stdout
    assert "the gate is closed by danger-zone::prepare, never-do::modify-prepare" in done.stdout
    assert not (project.path / "run.log").exists()


def test_a_conftest_cannot_empty_the_gate(project):
    project.edit(*BROKEN_PREPARE)
    project.write({"conftest.py": "def pytest_collection_modifyitems(items): items.clear()\n"})

    done = project.pytest("--ouro-experiment")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "danger-zone::prepare BROKEN" in done.stdout


def test_a_run_judges_every_rule_and_is_in_the_junit_report(project):
    done = project.pytest("--ouro-experiment", *SHRINK, "--junitxml=../report.xml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b8 passed", done.stdout)
    head = project.git("rev-parse", "HEAD")
    last = done.stdout.rstrip().splitlines()[-1]
    assert last.startswith("ouro: keep val_bpb=2.000000")
    assert f"commit={head[:7]} reason=baseline" in last
    cases = ElementTree.parse(project.path.parent / "report.xml").getroot().iter("testcase")
    properties = {
        case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
        for case in cases
    }
    assert len(properties) == 8
    run = properties["run"]
    assert float(run["val_bpb"]) == 2.0
    assert run["status"] == "keep"
    assert head.startswith(run["commit"])
    assert {"level", "peak_vram_mb", "reason"} <= run.keys()
    assert properties["only-train-py"] == {"check": "scope"}


#: What pytest-reportlog does with each report: pytest's own hook makes it plain data for JSON.
REPORT_LOG = """
import json
import pathlib

import pytest


@pytest.hookimpl
def pytest_configure(config):
    config.pluginmanager.register(Log(config))


class Log:
    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        hook = self.config.hook.pytest_report_to_serializable
        data = hook(config=self.config, report=report)
        with (pathlib.Path(__file__).parent / "log.jsonl").open("a") as file:
            file.write(json.dumps(data) + "\\n")
"""


def test_a_report_log_has_the_scalars_of_a_run(project, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "keep_log.py").write_text(REPORT_LOG)

    done = project.pytest("--ouro-experiment", *SHRINK, "-p", "keep_log", PYTHONPATH=str(folder))

    assert done.returncode == 0, done.stdout + done.stderr
    lines = (folder / "log.jsonl").read_text().splitlines()
    calls = [one for one in map(json.loads, lines) if one["when"] == "call"]
    properties = {one["nodeid"]: dict(one["user_properties"]) for one in calls}
    run = properties["bound.toml::experiment::run"]
    assert (run["status"], run["reason"], run["val_bpb"]) == ("keep", "baseline", 2.0)
    assert run["commit"] == project.git("rev-parse", "HEAD")
    assert run["peak_vram_mb"] >= 0
    assert {"state", "level", "run", "window_seconds"} <= run.keys()
    assert properties["bound.toml::iron-law::only-train-py"] == {"check": "scope"}
