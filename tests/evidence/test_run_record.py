"""Records of runs: reading and writing lines, lines of other versions, invalid values."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.core.errors import RecordError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import kinds
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.kinds import keys_of
from pytest_ouro.evidence.records.line import VERSION
from pytest_ouro.evidence.records.reasons import RECORDED, Reason
from pytest_ouro.evidence.records.record_format import from_json, read, write
from pytest_ouro.evidence.records.rows import row_of
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement

#: A journal from before lines had a version: keeps, discards, repeats, a rehearsal, crashes, a run
#: that was not started and an unfinished one.
OLDER = Path(__file__).parents[1] / "data" / "journal-version-1.jsonl"

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
NUMBER = st.floats(-1e300, 1e300) | st.integers(-(2**60), 2**60)
COUNT = st.integers(0, 2**53 - 1)
TABLE = st.dictionaries(TEXT, TEXT | NUMBER | st.none() | st.lists(TEXT), max_size=2)
VALUES = {
    kinds.TEXT: TEXT,
    kinds.TEXTS: st.lists(TEXT, max_size=2),
    kinds.TABLE: TABLE,
    kinds.TABLES: st.lists(TABLE, max_size=2),
    kinds.TEXT_TABLE: st.dictionaries(TEXT, TEXT, max_size=2),
    kinds.COUNT_TABLE: st.dictionaries(TEXT, COUNT, max_size=2),
    kinds.NUMBER_TABLE: st.dictionaries(TEXT, NUMBER, max_size=2),
    kinds.FLAG: st.booleans(),
    kinds.COUNT: COUNT,
    kinds.NUMBER: NUMBER,
    kinds.RUN: st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    kinds.COMMIT: st.sampled_from(["a" * 40, "b" * 64]),
    kinds.TRUST: st.sampled_from(["", "a" * 40]),
    kinds.DIGEST: st.sampled_from(["", "a" * 64]),
    kinds.TIME: st.just("2025-01-01T00:00:00+00:00"),
    kinds.SHOWN_DECIMALS: st.integers(0, 15),
    kinds.LEVEL: st.sampled_from(["supervised", "judged"]),
    kinds.TRIED_REF: st.sampled_from(["", "refs/ouro/tried/7"]),
    kinds.OUTCOME: st.sampled_from(["ok", "crash", "lost"]),
    kinds.DIRECTION: st.sampled_from(["lower", "higher"]),
    kinds.STATUS: st.sampled_from(["keep", "discard", "crash"]),
    kinds.REASON: st.sampled_from(sorted(RECORDED)),
    kinds.PURPOSE: st.sampled_from(["search", "pair"]),
    kinds.STATEMENT_RESULT: st.sampled_from(["granted", "undecided"]),
}
BY_WORDS = {kind.words: values for kind, values in VALUES.items()}


def tables(event, cls):
    """Lines of this event, with any of their optional keys, and sometimes an unknown one."""
    required, optional = {"event": st.just(event)}, {"from tomorrow": TABLE}
    for key, known in keys_of(cls).items():
        if key == "event":
            continue
        kind = known.about.kind
        values = BY_WORDS[kind.words.removesuffix(" or null")]
        if key == "version":
            values = st.integers(1, VERSION)
        (required if known.required else optional)[key] = (
            values | st.none() if kind.nullable else values
        )
    return st.fixed_dictionaries(required, optional=optional)


LINES = (
    tables("started", StartedRun)
    | tables("finished", FinishedRun)
    | tables("certificate", Statement)
)


@given(LINES)
def test_reading_and_writing_a_record_changes_nothing(table):
    record = from_json(table)

    assert type(record).from_json(record.to_json()) == record
    assert read(write(record)) == record
    assert {key: record.to_json()[key] for key, value in table.items() if value is not None} == {
        key: value for key, value in table.items() if value is not None
    }


@given(LINES, st.data())
def test_a_value_of_another_kind_is_refused_with_its_key(table, data):
    keys = keys_of(Statement if table["event"] == "certificate" else FinishedRun)
    key = data.draw(st.sampled_from(sorted(keys)))

    with pytest.raises(ValueError, match=rf"'{key}' must be |lacks"):
        from_json({**table, key: object()})


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [("level", "claimed", "attested"), ("decimals", 15, 16), ("decimals", None, 2**52)],
)
def test_a_value_that_nothing_can_rank_or_show_is_refused(key, good, bad):
    table = json.loads(OLDER.read_text().splitlines()[1])

    assert from_json({**table, key: good})[key] == good
    with pytest.raises(ValueError, match=f"'{key}' must be "):
        from_json({**table, key: bad})


def test_attributes_have_the_values_of_the_line():
    run = from_json(json.loads(OLDER.read_text().splitlines()[1]))

    assert isinstance(run, FinishedRun)
    assert (run.value, run.measured_value, run.metric.name) == (2.0, 2.0, "val_bpb")
    assert run.reason is Reason.BASELINE
    assert run.holds == ("cpu",)
    assert run["val_bpb"] == 2.0
    with pytest.raises(KeyError):
        run["vale_bpb"]


# Lines of other versions.


@pytest.fixture
def older(tmp_path):
    run_git("init", "--quiet", "--bare", ".", cwd=tmp_path)
    journal = Journal(tmp_path)
    journal.folder.mkdir()
    journal.path.write_bytes(OLDER.read_bytes())
    return journal


def test_an_older_journal_is_read(older):
    assert older.fault() is None
    assert {record.version for record in older.records()} == {1}
    assert [run.reason for run in older.runs()] == [
        *("baseline", "worse", "unchanged", "crash", "rehearsal"),
        *("repeat", "improved", "breach", "not-started"),
    ]
    assert len(older.unfinished()) == 1


def test_an_older_journal_takes_new_lines(older):
    before = older.lines()
    started = older.unfinished()[0]

    written = older.append(replace(started, seq=None, version=VERSION, run="0" * 12))

    assert older.lines()[:-1] == before
    assert written.prev == hashlib.sha256(before[-1]).hexdigest()
    assert (written.seq, json.loads(older.lines()[-1])["version"]) == (20, VERSION)
    assert older.fault() is None


@pytest.mark.parametrize("key", sorted(json.loads(OLDER.read_text().splitlines()[1])))
def test_a_key_that_an_older_line_lacks_is_not_a_conflict(key):
    lines = [json.loads(line) for line in OLDER.read_text().splitlines()[:2]]
    del lines[1][key]
    if key in ("event", "run", "commit", "time", "status", "reason", "row"):
        with pytest.raises(ValueError, match=f"it lacks '{key}'"):
            from_json(lines[1])
        return
    run = from_json(lines[1])
    run = replace(run, row=row_of(run))

    assert [found.field for found in conflicts([from_json(lines[0]), run])] == []


def test_a_line_of_this_version_must_repeat_its_started_line():
    started, finished = (from_json(json.loads(line)) for line in OLDER.read_text().splitlines()[:2])
    started, finished = (replace(record, version=VERSION) for record in (started, finished))
    assert list(conflicts([started, finished])) == []

    [found] = conflicts([started, replace(finished, tolerance=0.0)])

    assert (found.line, found.field, found.expected) == (2, "tolerance", started.tolerance)


def test_a_status_that_does_not_fit_its_reason_is_a_conflict():
    started, finished = (from_json(json.loads(line)) for line in OLDER.read_text().splitlines()[:2])
    finished = replace(finished, reason=Reason.WORSE)

    [found] = conflicts([started, finished])

    assert (found.field, found.expected, found.actual) == ("status", "discard", "keep")


def test_a_line_of_a_later_version_is_refused_with_a_remedy(older):
    line = json.loads(older.lines()[-1])
    with older.path.open("a") as file:
        file.write(json.dumps({**line, "version": VERSION + 1, "seq": 20}) + "\n")

    with pytest.raises(RecordError, match=r"jsonl:20: written by a later pytest-ouro") as caught:
        older.records()

    assert caught.value.help == "update pytest-ouro: pip install -U pytest-ouro"


def test_unknown_keys_are_kept_when_a_line_is_chained_again(older):
    first, second, *_ = older.lines()
    others = {**json.loads(second), "from tomorrow": {"a": [1, None]}}

    older.put_back([first], [json.dumps(others).encode()], name="test")

    again = json.loads(older.lines()[1])
    assert again == {**again, **others, "prev": hashlib.sha256(first).hexdigest()}
    assert again["version"] == 1


# Reasons.


def test_a_reason_is_written_as_its_word():
    assert json.dumps({"reason": Reason.WORSE}) == '{"reason": "worse"}'
    assert f"{Reason.NOT_STARTED} {Reason.WORSE!s}" == "not-started worse"


@pytest.mark.parametrize("reason", Reason)
def test_only_kept_and_discarded_runs_decide(reason):
    assert not reason.decides or reason.status in ("keep", "discard")
    aside = reason in (Reason.STALE, Reason.ON_DISCARD)  # tries, on which nothing is decided
    assert not reason.counts_as_try or reason.decides or aside
    assert not aside or (reason.counts_as_try and not reason.decides)
    assert not reason.compares or reason.counts_as_try
    assert (reason in RECORDED) is (reason.status != "closed")
