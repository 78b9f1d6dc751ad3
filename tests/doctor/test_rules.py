"""What the doctor reports about git, rules and records; its next steps work."""

import json
import os
import subprocess
import sys

import pytest

from pytest_ouro.core import limits
from pytest_ouro.doctor.rules import examine_user
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.record_format import from_json
from tests.doctor.conftest import Report, follow


def test_each_topic_of_a_toy_experiment_is_reported(doctor):
    report = doctor()

    assert report.status == 0
    assert list(report.state) == [
        *(
            "git",
            "bound",
            "trust",
            "records",
            "journal",
            "ledger",
            "user",
            "python",
            "device",
            "data",
        ),
        *("judge", "sandbox", "splits", "level", "pre-commit", "ci", "agents"),
    ]
    assert report.words["bound"] == "7 rules of 'toy', each can fail"
    assert report.words["level"] == (
        "supervised (no judge: prepare.py has no Tokenizer); the bound demands supervised: a run "
        "can be kept"
    )
    assert report.words["judge"] == "no judge: prepare.py has no Tokenizer"
    last = report.text.splitlines()[-1]
    counts = [f"{list(report.state.values()).count(s)} {s}" for s in ("ok", "weak", "off")]
    assert last == f"ouro: doctor: {', '.join(counts)}"


def test_each_item_that_is_not_ok_has_a_next_step(doctor):
    report = doctor()

    assert set(report.next) == {topic for topic, state in report.state.items() if state != "ok"}
    assert all(report.next.values())


def test_json_has_the_same_items(doctor, project):
    report = doctor()
    done = project.ouro("doctor", "--json", CUDA_VISIBLE_DEVICES="")
    found = json.loads(done.stdout)

    assert (done.returncode, found["status"], found["selftest"]) == (0, 0, None)
    assert [(i["topic"], i["state"], i["words"]) for i in found["items"]] == [
        (topic, report.state[topic], report.words[topic]) for topic in report.state
    ]


def test_the_doctor_changes_nothing_and_loads_no_torch(project):
    def read_all():
        return {
            path: path.read_bytes() for path in sorted(project.path.rglob("*")) if path.is_file()
        }

    before = read_all()
    code = (
        "import sys; from pytest_ouro.cli import run; status = run(['doctor']); "
        "sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, check=False)

    assert done.returncode == 0
    assert read_all() == before


def test_without_git_or_a_bound_nothing_can_be_judged(tmp_path, project):
    bare = type(project)(tmp_path / "bare")
    bare.path.mkdir()
    report = Report(bare.ouro("doctor"))
    assert (report.status, report.state) == (2, {"git": "unknown"})
    assert report.next["git"] == "git init, then commit the experiment"

    bare.git("init", "-q")
    report = Report(bare.ouro("doctor"))
    assert report.status == 2
    assert (report.state["git"], report.state["bound"]) == ("ok", "unknown")
    assert "no bound.toml" in report.words["bound"]
    assert Report(bare.ouro("doctor", "--bound", "other.toml")).state["bound"] == "unknown"


def test_a_faulty_bound_is_unknown_and_names_its_line(doctor, project):
    project.edit("bound.toml", 'check = "scope"', 'check = "scpoe"')

    report = doctor()

    assert report.status == 2
    assert report.state["bound"] == "unknown"
    assert "bound.toml:" in report.words["bound"]
    assert "pytest-ouro bless" in report.next["bound"]


def test_a_bound_that_cannot_be_read_is_unknown_and_the_rest_is_reported(doctor, project):
    os.truncate(project.path / "bound.toml", limits.FILE + 1)  # a hole, which takes no space

    report = doctor()

    assert (report.status, report.state["bound"]) == (2, "unknown")
    assert "bound.toml has 104857601 bytes" in report.words["bound"]
    assert (report.state["trust"], report.state["pre-commit"]) == ("unknown", "off")


def test_rules_that_were_altered_are_not_trusted(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")

    report = doctor()

    assert (report.status, report.state["bound"], report.state["trust"]) == (2, "ok", "unknown")
    assert "not the one that was blessed" in report.words["trust"]
    assert "level" not in report.state


def test_an_uncommitted_blessing_prevents_runs(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")
    assert project.ouro("bless").returncode == 0

    report = doctor()
    assert (report.status, report.state["trust"]) == (1, "fails")

    follow(project, report.next["trust"])
    assert (doctor().status, doctor().state["trust"]) == (0, "weak")


def test_trust_becomes_a_commit_by_the_next_step(doctor, project):
    report = doctor()
    assert report.state["trust"] == "weak"
    assert report.words["trust"].startswith("rules read from the working tree")

    follow(project, report.next["trust"])

    report = doctor()
    assert report.state["trust"] == "ok"
    assert report.words["trust"].endswith("(git config ouro.trust)")


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

    report = Report(clone.ouro("doctor"))
    assert (report.state["git"], report.state["trust"], report.status) == ("weak", "unknown", 2)

    follow(clone, report.next["git"])
    report = Report(clone.ouro("doctor", CUDA_VISIBLE_DEVICES=""))
    assert (report.state["git"], report.state["trust"], report.status) == ("ok", "weak", 0)


def test_rules_that_cannot_fail_are_named(doctor, project):
    text = (project.path / "bound.toml").read_text()
    text = text.replace('check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "soon"')
    text += '\n[[iron-law]]\nid = "taste"\nrule = "x"\ncheck = "human"\nreason = "no measure"\n'
    project.write({"bound.toml": text})
    project.bless()

    report = doctor()

    assert (report.status, report.state["bound"]) == (0, "weak")
    assert "only warning: iron-law::only-train-py" in report.words["bound"]
    assert "for people alone: iron-law::taste" in report.words["bound"]


def test_a_ledger_to_which_no_row_can_be_added(doctor, project):
    project.write({"results.tsv": "commit\tloss\tstatus\n"})

    report = doctor()

    assert report.state["ledger"] == "fails"
    assert "results.tsv:1: no column is named val_bpb: " in report.words["ledger"]


@pytest.mark.tier(2)
def test_recorded_runs_and_a_chain_that_was_broken(doctor, project):
    assert doctor().words["journal"] == "runs recorded: 0"
    done = project.pytest("--ouro-experiment")
    assert "ouro: keep " in done.stdout
    report = doctor()
    assert report.words["journal"] == "runs recorded: 1, the chain is intact"
    assert report.words["ledger"] == "1 rows in results.tsv"
    assert (report.state["journal"], report.state["ledger"]) == ("ok", "ok")

    journal = project.path / ".git/ouro/journal.jsonl"
    journal.write_text(journal.read_text().replace('"cpu"', '"gpu"', 1))
    report = doctor()
    assert (report.status, report.state["journal"]) == (1, "fails")


def test_a_run_that_was_killed_is_reported(doctor, project):
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

    report = doctor()

    assert report.state["journal"] == "weak"
    assert "1 ended without a record" in report.words["journal"]


def test_the_same_user_can_change_everything(doctor):
    report = doctor()

    assert report.state["user"] == "weak"
    assert f"belong to user {os.geteuid()}" in report.words["user"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_write_neither_rules_nor_records(project):
    case = open_case(project.path / "bound.toml")
    assert case.evidence.place.joined, "as the items before this one found out"
    read, write = os.pipe()
    if not (child := os.fork()):
        os.setuid(65534)
        os.write(write, "\n".join(examine_user(case, project.path / "bound.toml").lines).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 1000).decode() == (
        "ouro: doctor user: ok - user 65534 can write neither the rules nor the records"
    )
    os.close(read)
    os.close(write)
