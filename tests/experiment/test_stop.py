"""The end of a night: ``[night]`` in bound.toml, and ``next=stop``."""

import datetime
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.bound.night import Night
from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.verdict.night import find_stop, keeps_of_night, runs_of_night

UTC = datetime.timezone.utc


def ran(reason="worse", at="2026-11-30T22:00:00+00:00", **facts):
    found = RECORDED[reason]
    value = None if found.status == "crash" else 2.0
    outcome = found.value if value is None else "ok"
    facts = {"run": "", "commit": reason, "row": "", "outcome": outcome, **facts}
    return FinishedRun(time=at, value=value, status=found.status, reason=found, **facts)


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


def reached(night, *runs, now="2026-11-30T23:00"):
    found = find_stop(night, runs, now=at(now))
    return found and found.condition


@pytest.fixture
def clock(monkeypatch):
    """``clock(TZ)``: set the machine's time zone."""

    def clock(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield clock
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("runs", "stops"),
    [
        ([], False),
        ([ran("baseline"), ran()], False),
        ([ran("baseline"), ran(), ran("crash")], True),
        ([ran("baseline"), ran(), ran("unchanged")], True),
        ([ran("baseline"), ran("rehearsal"), ran("interrupted"), ran("lost")], False),
        ([ran("baseline"), ran("repeat"), ran("repeat"), ran()], False),
        ([ran("baseline"), *[ran("pair", purpose="pair")] * 9], False),
    ],
)
def test_tries(runs, stops):
    assert reached(Night(tries=3), *runs) == ("tries" if stops else None)


@pytest.mark.parametrize(
    ("reasons", "stops"),
    [
        ("baseline worse", False),
        ("baseline worse crash", True),
        ("baseline worse improved worse", False),
        ("baseline worse improved worse rehearsal", False),
        ("baseline worse improved worse within-noise", True),
        ("crash crash", True),
    ],
)
def test_plateau(reasons, stops):
    runs = [ran(reason) for reason in reasons.split()]
    assert reached(Night(plateau=2), *runs) == ("plateau" if stops else None)


def test_a_plateau_in_words():
    runs = [ran("baseline"), ran(), ran()]
    found = find_stop(Night(plateau=2), runs, now=at("2026-12-01T00:00"))
    assert found.text == ("the night is over: none of the last 2 tries was kept ([night] plateau)")


def test_cost_counts_every_run():
    night = Night(cost=2.0, price=4.0)
    runs = [ran("baseline", wall_seconds=900.0), ran("pair", purpose="pair", wall_seconds=899.0)]
    assert reached(night, *runs) is None
    found = find_stop(night, [*runs, ran("lost"), ran("crash", wall_seconds=1.0)], now=at("2026-12"
                      "-01T00:00"))  # fmt: skip
    assert found.text == "the night is over: its runs cost 2.00 of 2 ([night] cost)"


def test_an_answer_from_the_record_is_a_try_and_costs_nothing():
    runs = [ran("baseline", wall_seconds=900.0), ran()]
    answered = ran("unchanged", wall_seconds=900.0, measured_by="0" * 12)
    assert reached(Night(tries=3), *runs, answered) == "tries"
    assert reached(Night(plateau=2), *runs, answered) == "plateau"
    night = Night(cost=1.5, price=4.0)
    assert reached(night, *runs, *[answered] * 9) is None
    assert reached(night, *runs, ran("unchanged", wall_seconds=900.0)) == "cost"


@pytest.mark.parametrize(
    ("until", "now", "stops"),
    [
        ("07:30", "2026-11-30T23:59", False),
        ("07:30", "2026-12-01T07:29", False),
        ("07:30", "2026-12-01T07:30", True),
        ("07:30", "2026-12-03T03:00", True),
        ("22:00", "2026-11-30T23:59", False),  # it began at 22:00: the next evening
        ("22:00", "2026-12-01T22:00", True),
        ("22:01", "2026-11-30T22:01", True),
        ("00:00", "2026-11-30T23:59", False),
        ("00:00", "2026-12-01T00:00", True),
        ("2026-12-01T07:30", "2026-12-01T07:29", False),
        ("2026-12-01 07:30", "2026-12-01T07:30", True),
        ("2026-12-01T07:30Z", "2026-12-01T07:30", True),
        ("2026-12-01T07:30+01:00", "2026-12-01T06:29", False),
        ("2026-12-01T07:30+01:00", "2026-12-01T06:30", True),
        ("2026-01-01T00:00", "2026-11-30T22:00", True),
    ],
)
def test_until_counts_from_the_first_run(clock, until, now, stops):
    clock("UTC0")
    assert reached(Night(until=until), ran("baseline"), now=now) == ("until" if stops else None)


def test_a_time_of_day_needs_a_run_and_a_date_does_not(clock):
    clock("UTC0")
    assert reached(Night(until="07:30"), now="2026-12-01T12:00") is None
    assert reached(Night(until="07:30"), ran(at="yesterday"), now="2026-12-09T12:00") is None
    assert reached(Night(until="2026-12-01T07:30"), now="2026-12-01T12:00") == "until"


#: Central Europe, whose clocks are set forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25.
EUROPE = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.mark.parametrize(
    ("until", "began", "last", "first"),
    [
        # last moment before the end, and the end, in UTC
        ("07:30", "2026-03-28T22:00", "2026-03-29T05:29", "2026-03-29T05:30"),
        ("07:30", "2026-10-24T22:00", "2026-10-25T06:29", "2026-10-25T06:30"),
        ("02:30", "2026-10-24T22:00", "2026-10-25T00:29", "2026-10-25T00:30"),  # the first of two
        ("02:30", "2026-10-25T00:45", "2026-10-25T01:29", "2026-10-25T01:30"),  # the second
        ("02:30", "2026-03-28T22:00", "2026-03-29T01:29", "2026-03-29T01:30"),  # skipped: 03:30
        ("2026-03-29T07:30", "2026-03-28T22:00", "2026-03-29T05:29", "2026-03-29T05:30"),
        ("23:30", "2026-11-30T22:40", "2026-12-01T22:29", "2026-12-01T22:30"),  # began at 23:40
    ],
)
def test_clocks_that_change(clock, until, began, last, first):
    clock(EUROPE)
    run = ran("baseline", at=f"{began}:00+00:00")
    assert reached(Night(until=until), run, now=last) is None
    assert reached(Night(until=until), run, now=first) == "until"


@given(
    began=st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2030, 1, 1)),
    minutes=st.integers(0, 24 * 60 - 1),
)
def test_a_time_of_day_is_reached_within_a_day(began, minutes):
    run = ran("baseline", at=began.replace(microsecond=0).isoformat() + "+00:00")
    began = began.replace(microsecond=0, tzinfo=UTC)
    night = Night(until=f"{minutes // 60:02}:{minutes % 60:02}")
    assert find_stop(night, [run], now=began) is None
    assert find_stop(night, [run], now=began + datetime.timedelta(hours=26)) is not None


def test_a_bound_without_conditions_never_ends():
    assert find_stop(None, [ran()] * 500, now=at("2099-01-01T00:00")) is None


def test_a_night_begins_with_its_baseline():
    runs = [
        ran("worse", seq=2, run="a", trust="t"),
        ran("repeat", seq=4, run="b", trust="t", series="5" * 12),
        ran("baseline", seq=6, run="c", trust="t", series="5" * 12),
        ran("worse", seq=8, run="d", trust="u"),
    ]
    assert runs_of_night([runs[2]], runs, "u") == tuple(runs[1:])
    assert runs_of_night([], runs, "u") == (runs[3],)
    other = ran("baseline", seq=5, run="e")  # of another working tree
    assert runs_of_night([other], runs, "u") == tuple(runs[2:])


def test_keeps_under_other_conditions_are_of_another_night():
    tip, other, first = ran("improved"), ran("improved", device="cuda"), ran("baseline")
    assert keeps_of_night([tip, other, first], tip) == [tip, first]
    assert keeps_of_night([tip, other, first], other) == [other]


def limited(lab, table):
    lab.bound(("[verdict]", f"[night]\n{table}\n[verdict]"))


def test_the_last_line_and_the_line_before_it(lab, last_line):
    limited(lab, "tries = 3")
    result = lab.run(lab.script(2.0))
    assert "next=stop" not in result.last_line
    lab.run(lab.script(1.5))
    done = lab.pytest("-q")  # unchanged: a try too
    assert done.returncode == 0, done.stdout
    *_, why, last = done.stdout.rstrip("\n").split("\n")
    assert last.startswith("ouro: discard ")
    assert last.endswith(" reason=unchanged next=stop")
    assert why == (
        "ouro: the night is over: 3 of 3 tries were made ([night] tries); start no further run, "
        "and certify the last keep: pytest --ouro-certify"
    )


def test_a_broken_rule_does_not_hide_the_end(lab):
    limited(lab, 'until = "2026-01-01T00:00"')
    lab.commit(lab.script(2.0))
    lab.project.commit("more", {"prepare.py": "x = 1\n"})
    result = lab.run()
    assert result.last_line.endswith(" reason=rules-broken next=stop")
    assert result.lines()[-1].endswith("nothing was kept that could be certified")


def test_brief_says_it(lab, ouro):
    limited(lab, "plateau = 1")
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.5))
    assert json.loads(ouro("brief", "--json")[1])["next"]["step"] == "edit"
    lab.run(lab.script(3.0))
    assert json.loads(ouro("brief", "--json")[1])["next"]["step"] == "settle"
    lab.project.git("reset", "-q", "--keep", "HEAD~1")
    step = json.loads(ouro("brief", "--json")[1])["next"]
    assert (step["step"], step["commands"]) == ("stop", ["pytest --ouro-certify"])
    assert step["why"].startswith("the night is over: the last try was not kept ([night] plateau)")
    assert f"next: {step['why']}\n  pytest --ouro-certify\n" in ouro("brief")[1]


def test_a_certified_night_is_to_be_finalized_and_a_blessing_begins_the_next(lab, ouro):
    limited(lab, "tries = 2")
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.5))
    certify(open_case(lab.path / "bound.toml"), pairs=2)
    step = json.loads(ouro("brief", "--json")[1])["next"]
    assert step["commands"] == ["pytest-ouro finalize"]
    assert lab.run(lab.script(1.4)).last_line.endswith(" next=stop")

    bless(lab.path / "bound.toml", new_baseline=True)
    lab.project.commit("a new night")

    assert json.loads(ouro("brief", "--json")[1])["next"]["step"] != "stop"
    again = lab.run(lab.script(1.3))
    assert again.last_line.endswith(" reason=baseline")
