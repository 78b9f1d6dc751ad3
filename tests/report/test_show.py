"""``pytest-ouro show``: one run explained, from the records alone."""

import json

import pytest

from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.report.runs.sentences import SENTENCES


@pytest.fixture
def night(project, recorded):
    """A baseline, a keep, a worse run and a crash; the commits by what they are."""
    commits = {"baseline": project.commit("the baseline", {"train.py": "MODEL = 2\n"})}
    recorded("keep", 2.0, reason="baseline", level="judged")
    commits["better"] = project.commit("an idea", {"train.py": "MODEL = 1\nmore = 2\n"})
    facts = {"noise": 0.1, "se": 0.2, "margin": 0.05, "band": 0.1}
    recorded(
        *("keep", 1.5),
        gain=0.5,
        best_commit=commits["baseline"],
        level="judged",
        salt=7,
        wall_seconds=36.0,
        cpu_seconds=30.0,
        peak_mb=123.4,
        claimed=1.4,
        **{"claim_agrees": False, "gain_on_peak": 0.5, "run": "ab0000000001", **facts},
    )
    commits["worse"] = project.commit("a bad \x1b[31midea\u202e", {"train.py": "MODEL = 3\n"})
    gain = {"gain": -1.0, "best_commit": commits["better"]}
    recorded("discard", 2.5, run="ab0000000002", **gain, **facts)
    commits["crash"] = project.commit("a crash", {"train.py": "1 / 0\n"})
    recorded("crash", None, message="train.py raised\nZeroDivisionError", run="cd0000000003")
    folder = project.path / ".git/ouro/runs"
    folder.mkdir()
    text = "step 1\r\x1b[2Kstep 2\n/home/anna/data api_key=abcdef123456\n"
    (folder / "cd0000000003.log").write_text(text)
    return commits


def test_a_keep_is_explained_in_plain_words(night, ouro):
    status, out, err = ouro("show", "ab0000000001")

    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"{night['better'][:7]} an idea"
    assert "keep: improved, provisional (run ab0000000001)" in out
    for words in (
        f"commit {night['better']} on main",
        f"train.py +2 -1 (against {night['baseline'][:7]})",
        "val_bpb 1.500000",
        "the program printed 1.4, which is not what was measured",
        "level judged: another process computed the metric",
        f"with the keep {night['baseline'][:7]}: 2.000000",
        "gain +0.500000 (better; + is better)",
        "by 0.100000 (standard deviation), so a difference up to 0.400000 may be luck",
        "margin: a keep must gain more than 0.050000",
        "why        It is better than the last keep by more than noise explains",
        "state      provisional: no certificate and no confirmation has decided about it",
        "memory 123.4 MB at most",
        "salt 7",
        "cost       36.0 s, 30.0 CPU seconds",
        f"next       it may be luck: pytest --ouro-confirm {night['better'][:7]}",
    ):
        assert words in out


def test_a_discard_says_by_how_much_and_what_to_do(night, ouro):
    _, out, _ = ouro("show", "ab0000000002")

    assert f"1.000000 worse than 1.500000 of {night['better'][:7]}." in out
    assert "next       try another idea" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_crash_shows_the_end_of_its_log_without_what_is_private(night, ouro):
    _, out, _ = ouro("show")  # the last run

    assert "train.py raised ZeroDivisionError." in out
    assert "log        step 2\n" in out
    assert "anna" not in out
    assert "abcdef123456" not in out
    assert "/home/anna/data api_key=abcdef123456" in ouro("show", "--raw")[1]


def test_what_a_crash_printed_is_not_shown_as_it_is(project, recorded, ouro):
    recorded("crash", message="it printed api_key=abcdef123456", description="from /home/anna/x")

    assert "it printed api_key=<secret>" in ouro("show")[1]
    assert "anna" not in ouro("show")[1]
    assert "it printed api_key=abcdef123456" in ouro("show", "--raw")[1]


def test_a_number_that_was_printed_is_compared_only_with_a_measured_one(project, recorded, ouro):
    project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline")
    project.commit("a crash", {"train.py": "1 / 0\n"})
    recorded("crash", None, claimed=1.0, claim_agrees=False)
    assert "the program printed 1\n" in ouro("show")[1]

    project.commit("a lie", {"train.py": "print(1)\n"})
    recorded("discard", 3.0, reason="worse", claimed=1.0, claim_agrees=False)
    out = ouro("show")[1]
    assert "the program printed 1, which is not what was measured" in out
    assert "next       read its diff: it printed a number that is not the measured one" in out


def test_a_gain_without_noise_needs_no_confirmation(project, recorded, ouro):
    baseline = project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline", noise=0.0)
    project.commit("an idea", {"train.py": "MODEL = 1\n"})
    recorded("keep", 1.5, gain=0.5, best_commit=baseline, noise=0.0, se=0.0, margin=0.0)

    out = ouro("show")[1]

    assert "noise: the rules say that runs of one code do not differ (noise = 0)" in out
    assert "next       build on it: where runs of one code do not differ, a gain is not luck" in out
    assert "--ouro-confirm" not in out


def test_batches_are_shown_of_a_run_by_steps(project, recorded, ouro):
    facts = {"clock": "steps", "steps": 40, "steps_served": 12, "window_seconds": 6.0}
    recorded("keep", 2.0, reason="baseline", **facts)

    assert "used 12 batches of the budget" in ouro("show")[1]


def test_json_has_the_record_and_the_sentences(night, ouro):
    _, out, _ = ouro("show", "ab0000000001", "--json")

    facts = json.loads(out)
    assert facts["record"]["run"] == "ab0000000001"
    assert facts["state"] == "provisional"
    assert facts["files"] == [{"path": "train.py", "added": 2, "removed": 1}]
    assert facts["why"][0].startswith("It is better")
    assert facts["next"].startswith("it may be luck")


@pytest.mark.parametrize("name", ["cd000000", "CD000000", "HEAD", "main"])
def test_a_run_is_found_by_any_of_its_names(night, ouro, name):
    assert "(run cd0000000003)" in ouro("show", name)[1]


def test_a_run_is_found_by_a_start_of_its_commit(night, ouro):
    assert "(run ab0000000001)" in ouro("show", night["better"][:12])[1]


def test_of_several_runs_of_a_commit_the_deciding_one_is_shown(project, recorded, ouro):
    commit = project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline", run="aa0000000001")
    recorded("discard", 2.1, reason="rehearsal", rehearsal=True, run="aa0000000002")

    assert "(run aa0000000001)" in ouro("show", commit)[1]
    assert "other runs of this commit: aa0000000002" in ouro("show", commit)[1]


def test_an_ambiguous_start_lists_its_runs(night, ouro):
    status, out, err = ouro("show", "ab")

    assert (status, out) == (2, "")
    assert "'ab' is the start of several ids" in err
    assert "ab0000000001" in err
    assert "ab0000000002" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "name", ["ffffffffffff", "nothing", "--", "-x", "\x1b[2J", "^HEAD", "x" * 999]
)
def test_an_unknown_name_lists_the_last_runs(night, ouro, name):
    status, out, err = ouro("show", "--", name)

    assert (status, out) == (2, "")
    assert "names no run and no commit" in err
    assert "cd0000000003" in err
    assert "\x1b" not in err
    assert len(err.splitlines()[0]) < 150


def test_a_commit_without_a_run_and_a_journal_without_runs_are_errors(project, ouro):
    assert "no run is recorded yet" in ouro("show")[2]


def test_a_commit_that_was_not_run_is_an_error(night, project, ouro):
    commit = project.commit("never run", {"train.py": "MODEL = 9\n"})

    status, _, err = ouro("show", "HEAD")

    assert status == 2
    assert f"no run of {commit[:7]} is recorded, which 'HEAD' names" in err


def test_a_placebo_of_a_night_that_goes_on_is_not_shown(project, recorded, ouro):
    project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline")
    recorded("discard", 2.0, reason="placebo", purpose="placebo", run="ee0000000001", row="")

    assert ouro("show", "ee0000000001")[0] == 2


def test_an_altered_journal_is_reported(night, project, ouro):
    path = Journal(project.path / ".git").path
    path.write_text(path.read_text().replace("an idea", "my idea"))

    status, _, err = ouro("show")

    assert status == 2
    assert "is not what was recorded" in err


def test_an_emptied_journal_is_reported(night, project, ouro):
    Journal(project.path / ".git").path.write_bytes(b"")

    status, out, err = ouro("show")

    assert (status, out) == (2, "")
    assert "lines that were recorded are gone" in err
    assert "no run is recorded" not in err


def test_every_reason_has_a_sentence():
    assert SENTENCES.keys() == set(RECORDED.values())
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
