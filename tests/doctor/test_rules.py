"""What the doctor finds of git, rules and records; each next step is one."""

import json
import os
import subprocess
import sys

import pytest

from pytest_ouro.doctor.rules import user_item
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.record_format import from_json
from tests.doctor.conftest import Told, follow


def test_a_toy_experiment_is_told_topic_by_topic(doctor):
    told = doctor()

    assert told.status == 0
    assert list(told.state) == [
        *("git", "bound", "trust", "journal", "ledger", "user", "python", "device", "data"),
        *("judge", "sandbox", "level", "pre-commit", "ci", "agents"),
    ]
    assert told.words["bound"] == "7 rules of 'toy', each can fail"
    assert told.words["level"] == (
        "supervised (no judge: prepare.py has no Tokenizer); the bound demands supervised: a run "
        "can be kept"
    )
    assert told.words["judge"] == "no judge: prepare.py has no Tokenizer"
    last = told.text.splitlines()[-1]
    counts = [f"{list(told.state.values()).count(s)} {s}" for s in ("ok", "weak", "off")]
    assert last == f"ouro: doctor: {', '.join(counts)}"


def test_all_that_is_not_at_its_strongest_has_a_next_step_and_nothing_else_has(doctor):
    told = doctor()

    assert set(told.next) == {topic for topic, state in told.state.items() if state != "ok"}
    assert all(told.next.values())


def test_json_is_the_same_as_one_object(doctor, project):
    told = doctor()
    done = project.ouro("doctor", "--json", CUDA_VISIBLE_DEVICES="")
    found = json.loads(done.stdout)

    assert (done.returncode, found["status"], found["selftest"]) == (0, 0, None)
    assert [(i["topic"], i["state"], i["words"]) for i in found["items"]] == [
        (topic, told.state[topic], told.words[topic]) for topic in told.state
    ]


def test_to_look_changes_nothing_and_loads_no_torch(project):
    def everything():
        return {
            path: path.read_bytes() for path in sorted(project.path.rglob("*")) if path.is_file()
        }

    before = everything()
    code = (
        "import sys; from pytest_ouro.cli import run; status = run(['doctor']); "
        "sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, check=False)

    assert done.returncode == 0
    assert everything() == before


def test_without_git_or_a_bound_nothing_can_be_judged(tmp_path, project):
    bare = type(project)(tmp_path / "bare")
    bare.path.mkdir()
    told = Told(bare.ouro("doctor"))
    assert (told.status, told.state) == (2, {"git": "unknown"})
    assert told.next["git"] == "git init, then commit the experiment"

    bare.git("init", "-q")
    told = Told(bare.ouro("doctor"))
    assert told.status == 2
    assert (told.state["git"], told.state["bound"]) == ("ok", "unknown")
    assert "no bound.toml" in told.words["bound"]
    assert Told(bare.ouro("doctor", "--bound", "other.toml")).state["bound"] == "unknown"


def test_a_faulty_bound_is_unknown_and_names_its_line(doctor, project):
    project.edit("bound.toml", 'check = "scope"', 'check = "scpoe"')

    told = doctor()

    assert told.status == 2
    assert told.state["bound"] == "unknown"
    assert "bound.toml:" in told.words["bound"]
    assert "pytest-ouro bless" in told.next["bound"]


def test_rules_that_were_altered_are_not_trusted(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")

    told = doctor()

    assert (told.status, told.state["bound"], told.state["trust"]) == (2, "ok", "unknown")
    assert "not the one that was blessed" in told.words["trust"]
    assert "level" not in told.state


def test_a_blessing_that_is_not_committed_lets_no_run_start(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")
    assert project.ouro("bless").returncode == 0

    told = doctor()
    assert (told.status, told.state["trust"]) == (1, "fails")

    follow(project, told.next["trust"])
    assert (doctor().status, doctor().state["trust"]) == (0, "weak")


def test_trust_becomes_a_commit_by_the_next_step(doctor, project):
    told = doctor()
    assert told.state["trust"] == "weak"
    assert told.words["trust"].startswith("rules read from the working tree")

    follow(project, told.next["trust"])

    told = doctor()
    assert told.state["trust"] == "ok"
    assert told.words["trust"].endswith("(git config ouro.trust)")


def test_the_branch_of_the_remote_is_the_one_to_trust(doctor, project, tmp_path):
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "remote"))
    project.git("remote", "add", "origin", str(tmp_path / "remote"))
    project.git("fetch", "-q", "origin")

    assert doctor().next["trust"] == "git config ouro.trust origin/main"


def test_a_branch_that_has_no_rules_is_not_the_one_to_trust(doctor, project, tmp_path):
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "remote"))
    project.git("remote", "add", "origin", str(tmp_path / "remote"))
    before = project.git("commit-tree", "-m", "no rules yet", project.git("mktree"))
    project.git("update-ref", "refs/remotes/origin/main", before)

    blessed = project.git("rev-list", "-1", "HEAD", "--", "bound.lock")
    assert doctor().next["trust"] == f"git config ouro.trust {blessed[:12]}"


def test_a_shallow_clone_is_weak_until_it_is_deepened(project, tmp_path):
    project.commit("another")
    clone = type(project)(tmp_path / "clone")
    project.git("clone", "-q", "--depth", "1", f"file://{project.path}", str(clone.path))

    told = Told(clone.ouro("doctor"))
    assert (told.state["git"], told.state["trust"], told.status) == ("weak", "unknown", 2)

    follow(clone, told.next["git"])
    told = Told(clone.ouro("doctor", CUDA_VISIBLE_DEVICES=""))
    assert (told.state["git"], told.state["trust"], told.status) == ("ok", "weak", 0)


def test_rules_that_cannot_fail_are_named(doctor, project):
    text = (project.path / "bound.toml").read_text()
    text = text.replace('check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "soon"')
    text += '\n[[iron-law]]\nid = "taste"\nrule = "x"\ncheck = "human"\nreason = "no measure"\n'
    project.write({"bound.toml": text})
    project.bless()

    told = doctor()

    assert (told.status, told.state["bound"]) == (0, "weak")
    assert "only warning: iron-law::only-train-py" in told.words["bound"]
    assert "for people alone: iron-law::taste" in told.words["bound"]


def test_recorded_runs_and_a_chain_that_was_broken(doctor, project):
    assert doctor().words["journal"] == "runs recorded: 0"
    done = project.pytest("--ouro-experiment")
    assert "ouro: keep " in done.stdout
    told = doctor()
    assert told.words["journal"] == "runs recorded: 1, the chain is intact"
    assert told.words["ledger"] == "1 rows in results.tsv"
    assert (told.state["journal"], told.state["ledger"]) == ("ok", "ok")

    journal = project.path / ".git/ouro/journal.jsonl"
    journal.write_text(journal.read_text().replace('"cpu"', '"gpu"', 1))
    told = doctor()
    assert (told.status, told.state["journal"]) == (1, "fails")


def test_a_run_that_was_killed_is_told(doctor, project):
    case = open_case(project.path / "bound.toml")
    case.evidence.journal.append(
        from_json(
            {
                "event": "started",
                "run": "0123456789ab",
                "commit": case.repository.head,
                "time": "2025-01-01T00:00:00",
                "pid": 2**22,
                "process": "gone",
                "worktree": "",
            }
        )
    )

    told = doctor()

    assert told.state["journal"] == "weak"
    assert "1 ended without a record" in told.words["journal"]


def test_the_same_user_is_no_other_party(doctor):
    told = doctor()

    assert told.state["user"] == "weak"
    assert f"belong to user {os.geteuid()}" in told.words["user"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_write_neither_rules_nor_records(project):
    case = open_case(project.path / "bound.toml")
    read, write = os.pipe()
    if not (child := os.fork()):
        os.setuid(65534)
        os.write(write, user_item(case, project.path / "bound.toml").text.encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 1000).decode() == (
        "ouro: doctor user: ok - user 65534 can write neither the rules nor the records"
    )
    os.close(read)
    os.close(write)
