"""Honest loops in which people step in, and ledgers in the words of other trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..edits import append, put, swap, tune
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from ..projects import LM_OPEN
from .places import BOT, CODEC, FLAGS, JULIA, QUERY, REGEX, TONE

if TYPE_CHECKING:
    from ..loop import Loop

_BITS = columns("commit bits_per_char:metric status description")


@honest(
    "harness-bug-fixed",
    "a person corrects an error of the benchmark, and the best is measured again",
    flow=Flow("after", "revert"),
    style=Style(
        "results.tsv", columns=columns("commit residual:metric status description"), decimals=5
    ),
    project=JULIA,
)
def bug_fixed(loop: Loop) -> None:
    """The factor is 1.56 with these points."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    loop.person(
        "Fix the residual: it was not scaled by the spacing",
        swap("bench/run.jl", "sum(abs, u[3:end]", "(POINTS - 1) / 64_000 * sum(abs, u[3:end]"),
    )
    loop.baseline(
        round(loop.best * 1.5625, 5), "re-measured: the best so far with the corrected residual"
    )
    loop.night("kdk")


@honest(
    "texts-refreshed",
    "a person replaces the texts by newer ones, and a new baseline is worse",
    flow=Flow("untracked", "reset"),
    style=Style("bits.csv", "csv", _BITS, decimals=5, missing=""),
    project=CODEC,
)
def texts_refreshed(loop: Loop) -> None:
    """Old and new numbers do not compare."""
    loop.start()
    loop.baseline()
    loop.night("kkd")
    loop.person(
        "Refresh the texts (June)",
        put("texts/train.txt", "a new rain\nan old sun\n"),
        put("texts/held_out.txt", "a new sun\n"),
    )
    loop.baseline(2.6120, "baseline on the June texts")
    loop.night("kdk")


@honest(
    "more-time-by-a-person",
    "a person doubles the time limit and the loop begins with a new baseline",
    flow=Flow("with", "restore"),
    style=Style("results.tsv", columns=_BITS, cell="{parent}", decimals=5, missing="nan"),
    project=CODEC,
)
def more_time(loop: Loop) -> None:
    """A decision, stated in the message."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    loop.person(
        "Allow 80 seconds, since the machine is shared now", tune("measure.py", "MAX_SECONDS", "80")
    )
    loop.baseline(2.1405, "baseline with 80 seconds")
    loop.night("dk")


@honest(
    "keep-rolled-back",
    "a kept result turns out to be wrong and is taken back, by a row and a revert of its own",
    flow=Flow("untracked", "revert"),
    style=Style(
        "log.tsv", columns=columns("commit query_ms:metric status description"), decimals=1
    ),
    project=QUERY,
)
def rolled_back(loop: Loop) -> None:
    """The query lost rows; the next keeps are compared with the best before it."""
    loop.start()
    loop.baseline()
    loop.night("k")
    files, best = dict(loop.files), loop.best
    loop.keep(
        "drop the join",
        swap("query.sql", "JOIN customers", "-- JOIN customers"),
        value=402.0,
        aside=True,
        verdicts=NOT_SURE,
    )
    loop.claim(
        "discard",
        "drop the join: the result was wrong, rolled back",
        None,
        cell=loop.head[:7],
        status="rolled-back",
    )
    loop.files = files
    loop.commit('Revert "drop the join"\n\nIts result lacks names.')
    assert loop.best == best
    loop.verdicts = NOT_SURE
    loop.night("kdk")


@honest(
    "decimal-commas",
    "semicolons and commas as decimal signs, German words",
    flow=Flow("untracked", "reset"),
    style=Style(
        "versuche.csv",
        "semicolons",
        columns("commit win_pct:metric status text:description"),
        decimals=2,
        words={"keep": "behalten", "discard": "verworfen", "crash": "abbruch"},
    ),
    project=BOT,
)
def decimal_commas(loop: Loop) -> None:
    """50,25 is a little more than 50."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline(metric="50,25")
    for letter in "kdkd":
        value = loop.better() if letter == "k" else loop.worse()
        act = loop.keep if letter == "k" else loop.discard
        act(value=value, metric=f"{value:.2f}".replace(".", ","))


@honest(
    "noise-measured-first",
    "the baseline is run five times, and each keep twice",
    flow=Flow("untracked", "restore"),
    style=Style(
        "arena.tsv", columns=columns("commit win_pct:metric status description"), decimals=2
    ),
    project=BOT,
)
def noise_first(loop: Loop) -> None:
    """The repeats are rows of the same commit."""
    loop.start()
    loop.baseline()
    for value in (50.75, 49.5, 50.0, 51.25):
        loop.claim(
            "discard", "same code, to see the noise", value, cell=loop.head[:7], status="rerun"
        )
    for _ in range(3):
        trial = loop.keep(verdicts=NOT_SURE)
        loop.claim(
            "discard", "once more", (trial.value or 0) - 0.25, cell=loop.head[:7], status="rerun"
        )
        loop.night("d")


@honest(
    "a-person-tries-as-well",
    "a person's own experiments are between those of the agent, with rows of both",
    flow=Flow("after", "reset"),
    style=Style(
        "board.tsv",
        columns=columns("who commit win_rate:metric call:status idea:description"),
        decimals=3,
        words={"keep": "yes", "discard": "no", "crash": "broke"},
    ),
    project=TONE,
)
def person_tries(loop: Loop) -> None:
    """Two authors and one line of bests."""
    loop.start()
    loop.baseline(more={"who": "kim"})
    for number, letter in enumerate("kdkkd"):
        who = ("agent", "kim")[number % 2]
        act = loop.keep if letter == "k" else loop.discard
        act(more={"who": who}, author=None if who == "agent" else "Kim Person <kim@example.org>")


@honest(
    "timeouts-and-panics",
    "crashes in four words, with a cell that is empty",
    flow=Flow("after", "checkout"),
    style=Style(
        "runs.csv",
        "csv",
        columns("commit millis:metric exit:=0 status description"),
        decimals=2,
        missing="",
    ),
    project=FLAGS,
)
def timeouts(loop: Loop) -> None:
    """A compiler fails in many ways."""
    loop.start()
    loop.baseline()
    loop.night("k")
    for word in ("timeout", "compile error", "segfault", "oom"):
        loop.crash(status=word)
    loop.night("kdk")


@honest(
    "service-in-a-monorepo",
    "a prompt in services/letters; other services change between the experiments",
    flow=Flow("untracked", "revert"),
    style=Style(
        "ledger/trials.jsonl",
        "jsonl",
        columns("trial:n commit win_rate:metric status description"),
        decimals=3,
        missing="",
    ),
    project=TONE.within("services/letters"),
    where="services/letters",
)
def service(loop: Loop) -> None:
    """The other teams have their own judge."""
    loop.start(
        put("services/search/judge/rate.py", "SAMPLES = 10\n"), put("go.mod", "module all\n")
    )
    loop.baseline()
    loop.night("kd")
    loop.person("search: more samples", put("services/search/judge/rate.py", "SAMPLES = 99\n"))
    loop.night("kdk")
    loop.person("Update modules", append("go.mod", "\nrequire example.org/x v1.2.0\n"))
    loop.night("d")


@honest(
    "words-in-a-trade",
    "statuses of a laboratory, a column of percentages, a hash of eight",
    flow=Flow("amend", "reset"),
    style=Style(
        "bench-book.tsv",
        columns=columns(
            "specimen:n commit f1:metric change:delta ruling:status remark:description"
        ),
        cell="{eight}",
        decimals=4,
        missing="n/a",
        words={
            "keep": "accepted",
            "discard": "rejected",
            "crash": "spoiled",
            "baseline": "control",
        },
    ),
    project=REGEX,
)
def trade(loop: Loop) -> None:
    """A control in place of a baseline."""
    loop.start()
    loop.baseline()
    loop.night("kdckdk")


@honest(
    "instructions-refined",
    "a person rewrites the instructions twice, and adds cases to a test that nothing measures",
    project=LM_OPEN,
    flow=Flow("after", "restore"),
)
def instructions(loop: Loop) -> None:
    """The metric and the limits stay."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.person(
        "Ask for simpler code", append("program.md", "\nPrefer less code at the same value.\n")
    )
    loop.night("k")
    loop.person(
        "Test the loader", put("tests/test_loader.py", "def test_loader():\n    assert True\n")
    )
    loop.night("dk")


@honest(
    "rule-by-a-margin",
    "small gains are dropped, since the instructions ask for a margin",
    flow=Flow("untracked", "reset"),
    style=Style("log.tsv", columns=columns("commit f1:metric status description"), decimals=4),
    project=REGEX.with_files(
        AGENTS__md=REGEX.files["AGENTS.md"] + "\nKeep a change only if f1 rises by 0.01 or more.\n"
    ),
)
def margin(loop: Loop) -> None:
    """Discards that are better than the best."""
    loop.start()
    loop.baseline()
    loop.night("k")
    loop.discard(value=round(loop.best + 0.004, 4))
    loop.night("kd")
    loop.discard(value=round(loop.best + 0.002, 4))
