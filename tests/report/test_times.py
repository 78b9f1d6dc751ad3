"""Times of records, and times that people state, by the machine's clock."""

import datetime
import time

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.records.heartbeat import Heartbeat
from pytest_ouro.report.runs.frame import describe_start
from pytest_ouro.report.runs.times import parse_time, read_since, show_times, to_local_time


@pytest.fixture
def berlin(monkeypatch):
    """The machine's clock shows the time of Berlin, where it was set back on 25 October 2026."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text):
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2h", "2026-11-30T05:00:00+00:00"),
        ("90m", "2026-11-30T05:30:00+00:00"),
        ("1.5d", "2026-11-28T19:00:00+00:00"),
        ("1w", "2026-11-23T07:00:00+00:00"),
        ("2026-11-29", "2026-11-28T23:00:00+00:00"),
        ("07:30", "2026-11-30T06:30:00+00:00"),
        ("22:00", "2026-11-29T21:00:00+00:00"),
        ("2026-11-29T07:30", "2026-11-29T06:30:00+00:00"),
        ("2026-11-29 07:30:15", "2026-11-29T06:30:15+00:00"),
        ("2026-11-29T07:30Z", "2026-11-29T07:30:00+00:00"),
        ("2026-11-29T07:30+05:00", "2026-11-29T02:30:00+00:00"),
        ("2026-10-25", "2026-10-24T22:00:00+00:00"),
    ],
)
def test_since(berlin, text, found):
    assert read_since(text, at("2026-11-30T08:00:00+01:00")) == at(found)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2", "h", "-2h", "2026-02-31", "25:00", "07:30Z", "999999999w", "٣h"]
)
def test_another_text_is_refused_with_a_way_out(text):
    with pytest.raises(OuroError, match="--since must be") as refused:
        read_since(text, at("2026-11-30T08:00:00+00:00"))
    assert "--since 2h" in refused.value.help


def test_times_are_those_of_the_machines_clock(berlin):
    assert show_times(["2026-11-30T18:05:34+00:00"]) == ("2026-11-30T19:05:34",)
    assert show_times(["2026-11-30T18:05:34+00:00"], short=True) == ("11-30 19:05",)


def test_where_the_clock_is_set_back_times_have_their_offset(berlin):
    night = ["2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"]

    assert show_times(night, short=True) == ("10-25 02:30+0200", "10-25 02:30+0100")


def test_a_time_that_cannot_be_read_stays():
    assert parse_time("2025-13-01T00:00:00") is None
    assert parse_time("2025-01-01T00:00:00") == at("2025-01-01T00:00:00+00:00")
    assert show_times(["2025-13-01T00:00:00.123"]) == ("2025-13-01T00:00:00",)
    assert "1-01-01T" in show_times(["0001-01-01T00:00:00+00:00"])[0]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_that_no_clock_shows_stays(text):
    assert to_local_time(text) is None
    assert show_times([text]) == (text[:19],)
    beat = Heartbeat(*["x"] * 14)._replace(began=text, commit="a" * 40)
    assert describe_start(beat) == f"{text[11:19]} started aaaaaaa x"
