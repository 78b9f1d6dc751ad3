"""The parts of the page by themselves: labels, scales, text, details, times, luck, costs."""

import base64
import copy
import datetime
import hashlib
import json
import random
import re
import time
import zlib
from itertools import pairwise
from types import SimpleNamespace

import pytest

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.experiment.supervision.pace import summarise
from pytest_ouro.report.html.document import make_document
from pytest_ouro.report.html.scale import find_range, list_ticks, write_tick
from pytest_ouro.report.html.text import show, show_lines
from pytest_ouro.report.page.collect import collect
from pytest_ouro.report.page.gather import luck
from pytest_ouro.report.page.gather.costs import split_time
from pytest_ouro.report.page.gather.details import BLOCK, PER_RUN, pack
from pytest_ouro.report.page.parts.diff import color
from pytest_ouro.report.page.parts.labels import LINE, Wanted, measure, place_labels
from pytest_ouro.report.page.parts.page import Page
from pytest_ouro.report.page.parts.plot import draw as draw_plot
from pytest_ouro.report.page.parts.small import draw_gains, draw_side
from pytest_ouro.report.page.render import draw, render
from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.runs.times import describe_duration

from ...nights import Shape, write_night
from .conftest import MADE

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e\0\n## x"


def rectangle(label):
    left = label.text_x - measure(label.text) * (label.anchor == "end")
    top = label.text_y - LINE + 3
    return left, top, left + measure(label.text), top + LINE


@pytest.mark.parametrize("down", [True, False])
def test_labels_cover_neither_each_other_nor_a_point(down):
    chance = random.Random(1)
    area = (0.0, 0.0, 900.0, 400.0)
    points = [(chance.uniform(20, 880), chance.uniform(20, 380)) for _ in range(60)]
    wanted = [Wanted(*point, "a label of some words", chance.random()) for point in points[:20]]

    placed = place_labels(wanted, points, [(0, 200, 900, 200)], area, down=down)

    assert len(placed) > 5
    boxes = [rectangle(label) for label in placed]
    for n, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0, placed[n]
        assert right <= 900, placed[n]
        assert not any(left < x < right and top < y < bottom for x, y in points)
        assert not top < 200 < bottom, "a line is crossed"
        for a, b, c, d in boxes[n + 1 :]:
            assert not (left < c and a < right and top < d and b < bottom)


def test_the_labels_that_matter_most_are_placed_first():
    wanted = [Wanted(100, 10, "less", 1.0), Wanted(100, 10, "more", 2.0)]
    area = (0.0, 0.0, 200.0, 34.0)
    assert (
        next(one.text for one in place_labels(wanted, [(100, 10)], [], area, down=True)) == "more"
    )


def test_the_range_leaves_far_values_out():
    low, high = find_range([1.0, 2.0], [1.5, 2.4, 90.0])
    assert low == pytest.approx(0.95)
    assert high == pytest.approx(2.45)
    assert find_range([3.0], []) == pytest.approx((2.9985, 3.0315), abs=0.05)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.98, 1.0031), (-5e6, 3e9), (1e-9, 4e-9)])
def test_ticks_are_round_and_differ(low, high):
    ticks = list_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)
    assert len({write_tick(tick, ticks) for tick in ticks}) == len(ticks)
    assert list_ticks(1, 1) == list_ticks(0, float("inf")) == []


def test_text_has_no_effect_on_what_is_around_it():
    shown = show(HOSTILE, 400)
    assert "<" not in shown
    assert '"' not in shown
    assert shown.isprintable()
    assert r"\x1b" in shown
    assert r"\u202e" in shown
    assert r"\x00" in shown
    assert show("שלום") == "\u2068שלום\u2069", "isolated from the text around it"
    assert show("plain…") == "plain…"
    assert show("key: /home/ann/x") == "key: ~/x"
    assert show("key: /home/ann/x", raw=True) == "key: /home/ann/x"
    assert show_lines("a\tb\n<c>\x1b") == "a\tb\n&lt;c&gt;\\x1b"


def test_the_policy_has_the_hashes_of_style_and_script():
    page = make_document("t", ["<p>x</p>"], style="p{}", script="f()")
    policy = re.search(r'Policy" content="([^"]+)"', page)[1]
    for text in ("p{}", "f()"):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in make_document("t", [], style="")


def noise(size, seed):
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def unpack(details):
    found = []
    for text in details["blocks"]:
        found += json.loads(zlib.decompress(base64.b64decode(text))) if text else []
    return found


def test_details_come_back_as_they_were():
    described = [{"facts": [["why", str(n)]], "diff": "", "log": ""} for n in range(2 * BLOCK + 3)]
    details = pack(described, [])
    assert unpack(details) == described
    assert (details["kept"], details["all"]) == (len(described), len(described))


def test_details_that_need_too_much_lose_the_oldest_discards():
    described = [{"diff": noise(2600, n)} for n in range(100)]
    keeps = {0, 10, 99}
    drop = [n for n in range(100) if n not in keeps] + sorted(keeps)

    details = pack(described, drop)

    assert sum(map(len, details["blocks"])) <= PER_RUN * 100
    assert 30 < details["kept"] < 100
    found = [n for n, text in enumerate(described) if text in unpack(details)]
    assert keeps <= {*found}
    rest = [n for n in found if n not in keeps]
    assert rest == list(range(100 - len(rest) - 1, 99)), "the newest discards stay"


def test_a_claim_of_a_search_in_which_nothing_helps_is_all_luck():
    found = luck.simulate_luck(VerdictRule(), 0.01, 0.0, 100)
    claims = sorted(trace[-1].claimed for trace in found.traces["none"])
    middle = claims[len(claims) // 2] * 0.01

    low, high = found.band(100)
    assert low <= middle <= high
    assert found.band(10)[1] < high, "the more tries, the more luck"
    assert found.correct(100, middle) < 0.5 * middle
    assert found.correct(100, 1.0) > 0.9, "a gain of 100 deviations is hardly luck"
    assert found.correct(5000, middle) == pytest.approx(found.correct(100, middle))


def run_of(start, end, **facts):
    """A run as far as its cost is concerned; times are seconds."""
    base = datetime.datetime(2026, 10, 25, tzinfo=datetime.timezone.utc)
    known = {
        "measured_by": None,
        "judgment": None,
        "clock": "wall",
        "pace": {},
        "window_seconds": None,
        "charged_seconds": 0.0,
        "wall_seconds": float(end - start),
        "run": f"r{start}",
        "time": (base + datetime.timedelta(seconds=end)).isoformat(),
    }
    began = {f"r{start}": (base + datetime.timedelta(seconds=start)).isoformat()}
    return SimpleNamespace(**{**known, **facts}), began


def test_time_is_split_into_what_it_was_spent_on():
    first, began = run_of(0, 100, window_seconds=60.0, judgment={"seconds": 15.0})
    second, more = run_of(130, 180, window_seconds=30.0, charged_seconds=10.0)
    answered, last = run_of(180, 180, measured_by="x", window_seconds=60.0)

    parts = split_time([first, second, answered], {**began, **more, **last})

    assert {part["name"]: part["seconds"] for part in parts} == {
        "training": 80.0,
        "evaluation": 15.0,
        "set-up": 55.0,
        "idle": 30.0,
    }


@pytest.mark.parametrize(
    ("before", "first", "training"),
    [
        (0, [1.0] * 32, 40.0),
        (0, [9.0, 1.0, 8.0] + [1.0] * 29, 55.0),  # two slow ones
        (4, [9.0] + [1.0] * 31, 36.0),  # what precedes the clock is set-up
    ],
)
def test_batches_are_the_training_under_the_clock_steps(before, first, training):
    later = {"later": 8.0, "longest": max(first)}
    pace = summarise({"batches": 40, "before": before, "first": first, **later}, 40 * 128)
    # The window is a share of the budget.
    facts = {"clock": "steps", "window_seconds": 90.0, "judgment": {"seconds": 15.0}}
    timed, began = run_of(0, 100, **facts, pace=pace)
    cut, more = run_of(100, 110, **facts)

    seconds = {part["name"]: part["seconds"] for part in split_time([timed], began)}
    assert seconds == {"training": training, "evaluation": 15.0, "set-up": 85.0 - training}
    assert "training" not in {part["name"] for part in split_time([cut], more)}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.25, "0.25 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7261, "2 h 1 min")],
)
def test_seconds_are_written_in_words(seconds, words):
    assert describe_duration(seconds) == words


@pytest.fixture
def hostile(facts):
    """The facts of a night in which every text is hostile."""
    night = copy.deepcopy(facts("one"))
    night |= {"experiment": HOSTILE, "branch": HOSTILE, "fault": HOSTILE, "device": HOSTILE}
    night["claim"] |= {"headline": HOSTILE, "numbers": HOSTILE, "meaning": HOSTILE}
    night["answers"][0] |= {"words": HOSTILE, "note": HOSTILE}
    night["curves"][0] |= {"metric": HOSTILE, "unit": HOSTILE, "name": HOSTILE, "device": HOSTILE}
    night["curves"].append({**night["curves"][0], "branch": HOSTILE, "worktree": HOSTILE})
    night["runs"][0] |= {"description": HOSTILE, "state_why": HOSTILE, "mark": "provisional"}
    night["runs"][0] |= {"time": HOSTILE}
    night["first"] = {"run": 0, "title": HOSTILE, "why": HOSTILE, "diff": f"+{HOSTILE}"}
    night["broken"] = night["outcomes"] = [{"name": HOSTILE, "count": 1, "meaning": HOSTILE}]
    for side in night["sides"]:
        side |= {"name": HOSTILE, "unit": HOSTILE, "rule": HOSTILE, "limit": 1.0}
    return night


def test_no_text_gets_into_the_page_as_markup(hostile):
    for page in (render(hostile), draw(hostile)):
        assert "<img" not in page
        assert "alert(1)</script>" not in page
        assert page.count("<script") == (2 if page.startswith("<!doctype") else 0)
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "\0" not in page
        assert "&lt;img src=x" in page


def test_data_cannot_end_its_element(facts):
    night = copy.deepcopy(facts("one"))
    night["details"]["blocks"] = ["</script><script>alert(1)</script>"]
    assert "\\u003c/script>" in render(night)


def test_private_text_is_hidden_unless_it_is_asked_for(facts):
    night = copy.deepcopy(facts("one"))
    night["runs"][0]["description"] = "reads /home/ann/data with hf_abcdefghijklmnopqrstuv"
    assert "/home/ann" not in render(night)
    assert "hf_abc" not in render(night)
    assert "/home/ann" in render(night, raw=True)


@pytest.fixture
def berlin(monkeypatch):
    """The clock of a place in which summer time ended in the night of 25 October 2026."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_times_in_the_night_in_which_the_clock_is_set(berlin, facts):
    night = copy.deepcopy(facts("one"))
    night |= {"began": "2026-10-24T21:30:00+00:00", "ended": "2026-10-25T02:30:00+00:00"}
    page = Page(night, raw=False)
    assert page.show_time(night["began"]) == "24 Oct 23:30 +0200"
    assert page.show_time("2026-10-25T00:30:00+00:00") == "25 Oct 02:30 +0200"
    assert page.show_time("2026-10-25T01:30:00+00:00") == "25 Oct 02:30 +0100"
    assert "25 Oct 03:30 +0100 (5 h)" in render(night)


def test_other_nights_have_times_without_an_offset(berlin, facts):
    night = copy.deepcopy(facts("empty"))
    page = Page(night, raw=False)
    assert page.show_time("2026-12-01T23:30:00+00:00") == "2 Dec 00:30"
    assert page.show_time("no time") == "no time"
    assert page.show_time("9999-12-31T23:59:59+00:00") == "9999-12-31T23:59:59+00:00"


def test_dots_at_one_place_of_a_small_picture_are_drawn_once():
    marks = ["discard", "discard", "provisional", "discard", "discard", "discard"]
    mine = [{"mark": mark} for mark in marks]
    side = {"values": [1.0, 2.0, None, 1.0, 1.001, 2.0], "limit": None}

    def dots(side, mine):
        found = re.findall(r'class="dot (\w+)" d="([^"]*)"', draw_side(side, mine, "x"))
        return {kind: data.count("M") for kind, data in found}

    assert dots(side, mine) == {"tried": 5}
    many = {"values": [2.0] + [1.0] * 3999, "limit": None}
    kept = [{"mark": "provisional" if n == 2000 else "discard"} for n in range(4000)]
    width = 280 - 52 - 6 + 1
    assert dots(many, kept) == {"tried": width, "kept": 1}


@pytest.mark.parametrize(
    ("count", "words"),
    [(6, ""), (7, "Drawn are the first 6 of 7 curves; the table above has all.")],
)
def test_a_picture_of_curves_says_that_there_are_more(count, words, facts):
    night = facts("one")
    curve = {**night["curves"][0], "best": [1.0, 0.9], "starts": [0], "direction": "lower"}

    drawn = draw_gains(Page(night, raw=False), [curve] * count)

    assert drawn.count('class="curve ') == 6
    assert drawn.partition("</svg>")[2] == (
        words and f'<figcaption class="legend">{words}</figcaption>'
    )
    assert ("the first 6 of 7 curves" if words else "each curve") in drawn.partition(">")[0]


def test_there_is_no_picture_of_curves_without_a_gain(facts):
    night = facts("one")
    curve = {**night["curves"][0], "best": [1.0, 1.0], "starts": [0]}
    assert draw_gains(Page(night, raw=False), [curve] * 7) == ""


def corners(data):
    """The places that the data of a path of level and upright moves leads through."""
    x, y = map(float, re.match(r"M(\S+) ([^hv]+)", data).groups())
    found = [(x, y)]
    for kind, by in re.findall("([hv])([^hv]+)", data):
        x, y = (x + float(by), y) if kind == "h" else (x, y + float(by))
        found.append((x, y))
    return found


def test_a_line_of_steps_has_no_move_that_is_not_seen(facts):
    runs = facts("one")["runs"] * 1000
    curve = {**facts("one")["curves"][0], "runs": [*range(1000)], "certified": None}
    curve |= {line: [None] * 1000 for line in ("corrected", "low", "high")}
    curve["best"] = [1.0 - n / 1e7 - (n > 500) / 10 for n in range(1000)]

    drawn = draw_plot(curve, runs, title="x")
    data = re.search('class="claimed" d="([^"]*)"', drawn)[1]
    found = corners(data)

    assert len(found) < 20, "steps below a tenth of a unit are left out"
    assert found[0] == pytest.approx((78.0, found[0][1]))
    assert found[-1][0] == pytest.approx(1052.0), "small moves add up to the last place"
    steps = [abs(b - d) for (_, b), (_, d) in pairwise(found)]
    assert max(steps) > 100


def make_page_of(count, facts):
    """The page of a night of so many tries, every fifth of which is kept, without details."""
    night = copy.deepcopy(facts("one"))
    tried = {**night["runs"][0], "description": "lower MATRIX_LR from 0.04 to 0.03: more steps"}
    tried |= {"gain": -0.001234, "gain_shown": "−0.001234", "mark": "discard", "state": ""}
    tried |= {"status": "discard", "reason": "within-noise"}
    kept = {**tried, "mark": "provisional", "state": "provisional", "status": "keep"}
    night["kept"] = [*range(0, count, 5)]
    night["runs"] = [{**(tried if n % 5 else kept), "number": n + 1} for n in range(count)]
    curve = night["curves"][0]
    curve["runs"] = [*range(count)]
    for line in ("best", "corrected", "low", "high"):
        curve[line] = [0.9 - n // 5 / 1000 for n in range(count)]
    night["sides"] = [
        {**side, "values": [float(n % 7) for n in range(count)]} for side in night["sides"]
    ]
    night["details"]["blocks"] = []
    return render(night).encode()


def test_a_page_of_1000_runs_is_small(facts):
    small, large = len(make_page_of(10, facts)), len(make_page_of(1000, facts))

    assert large <= 260_000
    assert (large - small) / 990 <= 215, "bytes a run"


@pytest.mark.tier(3)
def test_the_page_of_a_long_night_is_small(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")  # where the clock is set, each time has its offset
    time.tzset()
    source = read_source(write_night(tmp_path, Shape(runs=1000)) / "bound.toml")
    facts = collect(source, made=MADE)
    monkeypatch.undo()
    time.tzset()

    details = sum(map(len, facts["details"]["blocks"]))
    assert details <= 2000 * len(facts["runs"])
    assert len(render(facts).encode()) - details <= 265 * len(facts["runs"])


def test_a_removed_line_that_looks_like_the_name_of_a_file_is_removed():
    """A comment of SQL begins with ``--``."""
    head = ["diff --git a/a.sql b/a.sql", "--- a/a.sql", "+++ b/a.sql"]
    written = "".join(color([*head, "@@ -1 +1 @@", "--- a comment", "+++i", *head]))
    assert re.findall('<span class="(.*?)">', written) == ["file", "hunk", "del", "add", "file"]
