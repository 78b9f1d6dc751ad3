"""The facts of the page: what they say of written nights, and that reading them changes nothing."""

import re
import stat
from types import SimpleNamespace

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.report.page.collect import _count_outcomes, collect
from pytest_ouro.report.page.gather import claim as claims
from pytest_ouro.report.page.gather.diffs import compare
from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.page.write import write_report

from ...nights import Shape, write_night
from .conftest import MADE


@pytest.fixture(scope="session")
def short_night(tmp_path_factory):
    """The folder of a night of a few runs with a certificate."""
    return write_night(tmp_path_factory.mktemp("short"), Shape(runs=7))


@pytest.fixture
def source(short_night):
    return read_source(short_night / "bound.toml")


def files_of(folder):
    """The bytes and the times of change of all files of ours in the git folder."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted((folder / ".git/ouro").rglob("*"))
        if path.is_file()
    }


def test_a_report_changes_no_record_and_waits_for_no_lock(short_night, tmp_path):
    with hold_lock(short_night / ".git/ouro/journal.lock"):
        before = files_of(short_night)
        source = read_source(short_night / "bound.toml")
        written = write_report(source, [tmp_path / "n.html"])
        assert files_of(short_night) == before
    assert written == [tmp_path / "n.html"]


def test_a_report_is_made_of_records_that_may_only_be_read(short_night, tmp_path):
    folder = short_night / ".git/ouro"
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(0o500)
    try:
        write_report(read_source(short_night / "bound.toml"), [tmp_path / "n.svg"])
    finally:
        folder.chmod(mode)
    assert (tmp_path / "n.svg").stat().st_size > 1000


def test_a_certified_night_says_so_and_leads_to_its_diff(source):
    facts = collect(source, made=MADE)
    one = next(one for one in reversed(source.statements) if one.event == "certificate")

    assert one.result == "granted"
    assert facts["claim"]["state"] == "certified"
    assert facts["claim"]["headline"].startswith(f"Certified gain {one.metric.text(one.gain)}")
    assert f"at least {one.metric.text(one.low)}" in facts["claim"]["numbers"]
    assert facts["first"]["title"] == f"{one.baseline[:7]}..{one.tip[:7]}"
    assert "\n+" in facts["first"]["diff"]
    assert facts["curves"][facts["main"]]["certified"]["value"] < 1


def test_a_night_without_a_certificate_leads_to_its_largest_gain(facts):
    night = facts("metrics")
    runs, claim = night["runs"], night["claim"]
    kept = [run for run in runs if run["state"] == "provisional" and run["mark"] != "baseline"]

    assert claim["state"] in ("open", "nothing")
    if night["first"] is not None:
        first = runs[night["first"]["run"]]
        assert first["state"] == "provisional"
        assert claim["command"] == "pytest --ouro-certify"
        assert "noise alone would give about" in claim["numbers"]
        assert first in kept


def test_no_run_one_run_and_only_crashes_have_their_own_claims(facts):
    assert facts("empty")["claim"]["headline"] == "No run is recorded yet"
    assert facts("empty")["main"] is None
    one = facts("one")["claim"]
    assert one["headline"] == "No gain: nothing is kept but the baseline"
    crashed = facts("crashes")
    assert crashed["claim"]["headline"] == "Nothing is kept"
    assert crashed["claim"]["numbers"].startswith("8 runs, ")
    assert crashed["curves"][0]["best"] == [None] * 8


def answers_of(night):
    """The short answers beside the claim: words and note, by name."""
    return {one["name"]: (one["words"], one["note"]) for one in night["answers"]}


def test_the_answers_say_what_was_tried_and_what_went_wrong(source, facts):
    night = claims.find_night(source, source.runs)
    count = len(night.runs)
    measured = sum(run.outcome == "ok" for run in night.runs)
    words, note = answers_of(collect(source, made=MADE))["Tried"]
    new, known = map(int, re.findall(r"\d+", note))
    assert (words, new + known, new) == (f"{count} runs", measured, len(night.tries))

    crashed = answers_of(facts("crashes"))
    assert crashed["Tried"] == ("8 runs", "0 measured new code")
    assert crashed["Went wrong"] == ("8 crashed", "")
    assert answers_of(facts("one"))["Went wrong"][0] == "nothing"


def test_an_untrue_number_is_worse_than_a_crash(source):
    run = next(run for run in source.runs if run.outcome == "ok")
    lie = replace(run, claim_agrees=False)
    crash = replace(run, status="crash", outcome="crash", value=None, measured_value=None)

    def describe(*runs):
        night = claims.Night(runs, None, None)
        one = next(one for one in claims.list_answers(source, night) if one["name"] == "Went wrong")
        return one["words"], one["note"], one["mood"]

    assert describe(run) == ("nothing", "no crash, no broken rule, no untrue number", "plain")
    assert describe(run, replace(crash, claim_agrees=False)) == ("1 crashed", "", "plain")
    assert describe(crash, lie) == ("1 printed an untrue number", "1 crashed", "bad")
    breach = replace(lie, status="crash", outcome="breach")
    assert describe(breach) == ("1 printed an untrue number", "", "bad")
    assert describe(replace(breach, claim_agrees=None)) == ("1 broke a rule", "", "bad")


def test_reasons_are_explained_without_marks_of_markdown():
    for reason in Reason:
        (count,) = _count_outcomes([SimpleNamespace(reason=reason)])
        assert not {*"`"} & {*count["meaning"]}, reason
        assert "](" not in count["meaning"], reason


def test_placebos_and_a_vault_are_answers_only_where_there_are_any(source):
    assert answers_of(collect(source, made=MADE)).keys() >= {"Placebos", "Vault"}

    runs = tuple(replace(r, vault_losses="") for r in source.runs if r.purpose != "placebo")
    bound = replace(source.bound, verdicts={})
    plain = replace(source, runs=runs, statements=(), bound=bound)
    names = [one["name"] for one in claims.list_answers(plain, claims.Night(runs, None, None))]
    assert names == ["Tried", "Went wrong", "Cost"]


def test_each_device_and_each_metric_is_a_curve(facts):
    devices = facts("devices")["curves"]
    assert len({curve["device"] for curve in devices}) == len(devices) == 3
    assert [curve["name"] for curve in devices] == [curve["device"] for curve in devices]
    metrics = facts("metrics")["curves"]
    assert [curve["name"] for curve in metrics] == [curve["metric"] for curve in metrics]
    for night in (facts("devices"), facts("metrics")):
        places = [place for curve in night["curves"] for place in curve["runs"]]
        assert len(places) == len({*places})
        for number, curve in enumerate(night["curves"]):
            shown = [night["runs"][place] for place in curve["runs"]]
            assert [run["curve"] for run in shown] == [number] * len(shown)
            assert [run["number"] for run in shown] == [*range(1, len(shown) + 1)]


def test_the_best_line_is_that_of_the_keeps(source):
    facts = collect(source, made=MADE)
    curve = facts["curves"][facts["main"]]
    best = None
    for place, line in zip(curve["runs"], curve["best"], strict=True):
        run = facts["runs"][place]
        if run["status"] == "keep":
            best = run["value"] if best is None else min(best, run["value"])
        assert line == best


def test_what_got_worse_is_that_of_the_pairs(source):
    facts = collect(source, made=MADE)
    losses = facts["losses"]
    assert losses["pairs"] == 5
    names = [one["name"] for one in losses["slices"]]
    assert names[0] == "first quarter of a row"
    assert "rare bytes" in names
    for one in losses["slices"]:
        assert one["gain"] == pytest.approx(one["baseline"] - one["tip"])


def test_a_file_of_losses_that_was_changed_is_not_shown(short_night, source):
    path = next((short_night / ".git/ouro/rows").iterdir())
    kept = {file: file.read_bytes() for file in path.parent.iterdir()}
    try:
        for file in kept:
            file.write_bytes(b"changed")
        assert collect(source, made=MADE)["losses"] is None
    finally:
        for file, content in kept.items():
            file.write_bytes(content)


def test_a_journal_that_was_changed_is_reported(tmp_path, ouro, monkeypatch):
    folder = tmp_path / "night"
    folder.mkdir()
    write_night(folder, Shape(runs=1, certified=None))
    path = folder / ".git/ouro/journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"bless"', b'"other"'))
    monkeypatch.chdir(folder)

    status, _, err = ouro("report", "n.html")

    assert status == 2
    assert "is not what was recorded" in err
    assert "Believe nothing below" in (folder / "n.html").read_text()


def test_a_diff_is_shown_whatever_attributes_say(project):
    project.commit("attributes", {".gitattributes": "*.py -diff binary\n", "train.py": "a = 1\n"})
    base = project.git("rev-parse", "HEAD")
    tip = project.commit("an edit", {"train.py": "a = 2\n"})
    code = {
        commit: SimpleNamespace(code={"train.py": project.git("rev-parse", f"{commit}:train.py")})
        for commit in (base, tip)
    }
    git = read_source(project.path / "bound.toml").git

    assert compare(git, {tip: base}, code)[tip].endswith("@@ -1 +1 @@\n-a = 1\n+a = 2")
    gone = "0" * 40
    assert compare(git, {tip: gone}, {**code, gone: code[base]}) == {}
