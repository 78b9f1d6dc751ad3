"""The plugin detects changed outcomes of rules in a project's pytest session."""

import pytest

from pytest_ouro.items.outcome_audit import ADVICE

from .disarming.attempts import CONFTESTS

HONEST = {
    "attaches": """\
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.sections.append(("mine", "a screenshot"))
    return report
""",
    "reorders": "def pytest_collection_modifyitems(items):\n    items.reverse()\n",
    "finishes": "def pytest_sessionfinish(session):\n    print('goodbye')\n",
    "fixture": "import pytest\n\n@pytest.fixture\ndef thing():\n    return 1\n",
    "marks": (
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n        item.add_marker('tryfirst')\n"
    ),
}


@pytest.fixture
def broken(project):
    """The project with a broken rule; the rule about other files only warns."""
    project.edit(
        "bound.toml", 'check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "a test"'
    )
    project.bless()
    project.edit("prepare.py", "float(model)", "0.5")
    return project


SEEN = {
    "deselects": "never judged",
    "reports": "reported otherwise than judged",
    "exit-status": "the exit status was 0 although a rule is broken",
    "protocol": "never judged",
    "call": "never judged",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_changed_outcome_is_detected(broken, run_pytest, name):
    broken.write({"conftest.py": CONFTESTS[name]})

    done = run_pytest("bound.toml")

    assert done.ret == 1
    lines = [line for line in done.outlines if line.startswith("ouro: disarmed: ")]
    assert any(SEEN[name] in line for line in lines)
    assert all(line.endswith(ADVICE) for line in lines)
    assert "conftest.py has hooks that could change the outcome of a rule" in done.stdout.str()


INI = {
    "keyword": "-k nothing-of-it",
    "deselect": "--deselect bound.toml::danger-zone --deselect bound.toml::never-do",
    "setup": "--setup-only",
    "collect": "--collect-only",
}


@pytest.mark.parametrize("name", INI)
@pytest.mark.parametrize("how", ["ini", "variable"])
def test_rules_that_settings_leave_out_are_reported(broken, run_pytest, monkeypatch, name, how):
    if how == "ini":
        broken.write({"pytest.ini": f"[pytest]\naddopts = {INI[name]}\n"})
    else:
        monkeypatch.setenv("PYTEST_ADDOPTS", INI[name])

    done = run_pytest("bound.toml")

    assert done.ret == 1
    assert "ouro: disarmed: " in done.stdout.str()
    assert "never judged" in done.stdout.str()


def test_a_mark_that_expects_the_failure_is_noticed(broken, run_pytest):
    broken.write(
        {
            "conftest.py": "def pytest_collection_modifyitems(items):\n"
            "    for item in items:\n        item.add_marker('xfail')\n"
        }
    )

    done = run_pytest("bound.toml")

    assert done.ret == 1
    assert "reported otherwise than judged" in done.stdout.str()


@pytest.mark.parametrize("args", [("-k", "scope"), ("-m", "iron_law"), ("--collect-only",)])
def test_rules_that_a_person_deselects_give_no_alarm(run_pytest, args):
    done = run_pytest("bound.toml", *args)

    assert "disarmed" not in done.stdout.str()


def test_a_rule_that_is_named_is_judged_alone(run_pytest):
    done = run_pytest("bound.toml::danger-zone::prepare")

    assert done.ret == 0
    lines = [line for line in done.outlines if line.startswith("ouro: ")]
    assert [line.split()[1] for line in lines] == ["rules", "toy:"]  # header and collection


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_conftest_gives_no_alarm(project, run_pytest, name):
    project.write({"conftest.py": HONEST[name]})
    project.bless()

    done = run_pytest("bound.toml")

    assert done.ret == 0
    assert "disarmed" not in done.stdout.str()
    has_hooks = name != "fixture"
    assert ("could change the outcome" in done.stdout.str()) == has_hooks


@pytest.mark.parametrize("name", HONEST)
def test_a_broken_rule_beside_an_honest_conftest_is_reported_once(broken, run_pytest, name):
    broken.write({"conftest.py": HONEST[name]})

    done = run_pytest("bound.toml")

    assert done.ret == 1
    assert "disarmed" not in done.stdout.str()


def test_a_session_that_stops_at_the_first_failure_gives_no_alarm(broken, run_pytest):
    done = run_pytest("bound.toml", "-x")

    assert done.ret == 1
    assert "disarmed" not in done.stdout.str()


@pytest.mark.tier(2)
def test_workers_judge_without_alarm(broken):
    pytest.importorskip("xdist")

    done = broken.pytest("bound.toml", "-n", "1")

    assert done.returncode == 1
    assert "disarmed" not in done.stdout


def test_quiet_sessions_get_no_notes(project, run_pytest):
    project.write({"conftest.py": HONEST["attaches"]})
    project.bless()

    assert "could change" not in run_pytest("-q", "bound.toml").stdout.str()
