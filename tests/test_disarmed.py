"""The pytest form inside a project notices when its answers are changed, and says so."""

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
        "    for item in items:\n        item.add_marker('slow')\n"
    ),
}


@pytest.fixture
def broken(project):
    """The project with a broken rule; what is beside it is warned about, and no rule of its own."""
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
def test_a_changed_outcome_is_detected(broken, name):
    broken.write({"conftest.py": CONFTESTS[name]})

    done = broken.pytest("bound.toml")

    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("ouro: disarmed: ")]
    assert any(SEEN[name] in line for line in lines)
    assert all(line.endswith(ADVICE) for line in lines)
    assert "conftest.py has hooks that could change what is said of a rule" in done.stdout


INI = {
    "keyword": "-k nothing-of-it",
    "deselect": "--deselect bound.toml::danger-zone --deselect bound.toml::never-do",
    "setup": "--setup-only",
    "collect": "--collect-only",
}


@pytest.mark.parametrize("name", INI)
@pytest.mark.parametrize("how", ["ini", "variable"])
def test_rules_that_the_settings_leave_out_are_missed(broken, name, how):
    env = {}
    if how == "ini":
        broken.write({"pytest.ini": f"[pytest]\naddopts = {INI[name]}\n"})
    else:
        env["PYTEST_ADDOPTS"] = INI[name]

    done = broken.pytest("bound.toml", **env)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "ouro: disarmed: " in done.stdout
    assert "never judged" in done.stdout


def test_a_mark_that_expects_the_failure_is_noticed(broken):
    broken.write(
        {
            "conftest.py": "def pytest_collection_modifyitems(items):\n"
            "    for item in items:\n        item.add_marker('xfail')\n"
        }
    )

    done = broken.pytest("bound.toml")

    assert done.returncode == 1
    assert "reported otherwise than judged" in done.stdout


@pytest.mark.parametrize("args", [("-k", "scope"), ("-m", "iron_law"), ("--collect-only",)])
def test_what_a_person_leaves_out_by_hand_is_a_wish(project, args):
    done = project.pytest("bound.toml", *args)

    assert "disarmed" not in done.stdout


def test_a_rule_that_is_named_is_judged_alone(project):
    done = project.pytest("bound.toml::danger-zone::prepare")

    assert done.returncode == 0
    assert "ouro: " not in done.stdout.replace("ouro: toy:", "")


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_conftest_gives_no_alarm(project, name):
    project.write({"conftest.py": HONEST[name]})
    project.bless()

    done = project.pytest("bound.toml")

    assert done.returncode == 0, done.stdout
    assert "disarmed" not in done.stdout
    has_hooks = name != "fixture"
    assert ("could change what is said" in done.stdout) == has_hooks


@pytest.mark.parametrize("name", HONEST)
def test_a_broken_rule_beside_an_honest_conftest_is_reported_once(broken, name):
    broken.write({"conftest.py": HONEST[name]})

    done = broken.pytest("bound.toml")

    assert done.returncode == 1
    assert "disarmed" not in done.stdout


def test_a_session_that_stops_at_the_first_failure_gives_no_alarm(broken):
    done = broken.pytest("bound.toml", "-x")

    assert done.returncode == 1
    assert "disarmed" not in done.stdout


def test_workers_judge_without_alarm(broken):
    pytest.importorskip("xdist")

    done = broken.pytest("bound.toml", "-n", "1")

    assert done.returncode == 1
    assert "disarmed" not in done.stdout


def test_quiet_sessions_get_no_notes(project):
    project.write({"conftest.py": HONEST["attaches"]})
    project.bless()

    assert "could change" not in project.pytest("-q", "bound.toml").stdout
