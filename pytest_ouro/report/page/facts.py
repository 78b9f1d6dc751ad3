"""The facts of a page, as `collect.collect` gathers them. All are plain data; texts in them are
not redacted and not escaped, which only `render` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from pytest_ouro.core.metric import Direction

#: How an experiment is marked in the plot: by its verdict, and a keep by its state.
Mark = Literal[
    "baseline",
    "provisional",
    "confirmed",
    "refuted",
    "void",
    "discard",
    "placebo",
    "crash",
    "breach",
    "aside",
]
#: What is known of a night's gain, from the most to the least.
ClaimState = Literal[
    "certified", "not-certified", "unfinished", "open", "exact", "nothing", "empty"
]


class RunEntry(TypedDict):
    """A finished run. ``number`` is its place in its curve, from 1 (None for a run on no curve),
    ``curve`` the index of that (None for none). ``value`` is None if nothing was measured;
    ``shown`` and ``gain_shown`` are the value and the gain over its reference as text ("" if not
    known), ``error`` is the standard error of the gain. ``code`` is by how much the code grew over
    the reference's, ``why`` the reason in words. ``state`` and ``state_why`` are those of a
    keep, otherwise ""."""

    run: str
    number: int | None
    curve: int | None
    time: str
    commit: str
    description: str
    mark: Mark
    status: str
    reason: str
    why: str
    state: str
    state_why: str
    value: float | None
    shown: str
    gain: float | None
    gain_shown: str
    error: float | None
    error_shown: str
    code: int | None
    level: str


class Certified(TypedDict):
    """The values to which a certificate takes a curve: at the certified gain, and at the bounds."""

    value: float
    low: float
    high: float | None


class Curve(TypedDict):
    """The experiments of one working tree and branch on one device, by one metric.

    ``runs`` are the indexes of its experiments in the list of all runs; the place in it is that on
    the horizontal axis. ``best`` has the best kept value after each of them, ``corrected`` the same
    without what luck explains, and ``low`` and ``high`` the band in which the best value would be
    if nothing helped; each is None where it is not known. ``starts`` are the places at which a
    baseline began.
    """

    name: str
    metric: str
    unit: str
    direction: Direction
    decimals: int | None
    device: str
    branch: str
    worktree: str
    runs: list[int]
    best: list[float | None]
    corrected: list[float | None]
    low: list[float | None]
    high: list[float | None]
    starts: list[int]
    certified: Certified | None
    kept: int
    first: str
    last: str
    gain: str
    seconds: float


class Claim(TypedDict):
    """What may be believed of the night: ``state``, a ``headline``, a line with ``numbers``, the
    ``meaning`` in a sentence, and the ``command`` to give next ("" for none)."""

    state: ClaimState
    headline: str
    numbers: str
    meaning: str
    command: str


class Answer(TypedDict):
    """A short answer beside the claim: its ``name``, the answer itself in few ``words``, and a
    ``note`` below it. ``mood`` is "bad" for what a person should look at."""

    name: str
    words: str
    note: str
    mood: Literal["good", "bad", "plain"]


class First(TypedDict):
    """The diff to read first: the index of its ``run`` (None if the diff is that of a certified
    gain, which spans several runs), its ``title``, ``why`` it is the one, and its text."""

    run: int | None
    title: str
    why: str
    diff: str


class Part(TypedDict):
    """A number of seconds and what they were spent on."""

    name: str
    seconds: float
    meaning: str


class Count(TypedDict):
    """How often something occurred, and its meaning."""

    name: str
    count: int
    meaning: str


class Side(TypedDict):
    """Another number of the experiments of a curve: its ``values`` (None where unknown), in their
    order, and the ``limit`` of a guard, which it must be ``at`` "most" or "least" (None: there is
    none, or it is not known)."""

    name: str
    unit: str
    curve: int
    values: list[float | None]
    limit: float | None
    at: Literal["most", "least"]
    rule: str


class Slice(TypedDict):
    """The loss on a part of the judged rows: that of the baseline and of the tip, in bits per byte,
    by how much the tip is better (``gain``), and the standard error of that."""

    name: str
    baseline: float
    tip: float
    gain: float
    error: float | None


class Losses(TypedDict):
    """What got better and worse from ``baseline`` to ``tip`` (commits): by slices, and how many of
    the ``rows`` got worse. ``pairs`` is the number of pairs of runs (0: the two kept runs)."""

    baseline: str
    tip: str
    pairs: int
    slices: list[Slice]
    rows: int
    worse: int


class Details(TypedDict):
    """Compressed details of runs: base64 of zlib of a JSON list of objects, for blocks of
    ``block`` runs that follow each other; "" for a block without any. ``kept`` of ``all`` runs have
    details."""

    block: int
    blocks: list[str]
    kept: int
    all: int


class Facts(TypedDict):
    """The facts of a page. ``main`` is the index of the curve that the claim is about, None without
    a curve."""

    experiment: str
    branch: str
    head: str
    worktree: str
    made: str
    level: str
    device: str
    began: str
    ended: str
    fault: str
    open: int
    claim: Claim
    states: list[Count]
    answers: list[Answer]
    first: First | None
    main: int | None
    curves: list[Curve]
    runs: list[RunEntry]
    kept: list[int]
    outcomes: list[Count]
    broken: list[Count]
    spent: list[Part]
    sides: list[Side]
    losses: Losses | None
    details: Details
