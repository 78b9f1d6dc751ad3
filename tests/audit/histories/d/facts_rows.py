"""Loops whose rows do not hold: worse keeps, impossible values, changed or lost rows, leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import guilty
from ..edits import swap, tune
from ..ledger import Style, columns
from ..model import NOT_FINE, NOT_SURE, VOID, Flow
from .machines import DEDUP, DUCK, IMAGE
from .models import FUSED, RANK
from .studies import PACKING

if TYPE_CHECKING:
    from ..loop import Loop


@guilty(
    "more-bins-in-percent",
    "kept-not-better",
    "a kept version needs many more bins; cells in percent, separated by bars",
    flow=Flow("untracked", "revert"),
    style=Style(
        "versions.psv",
        "bars",
        columns("version:n commit excess_pct:metric verdict:status note:description"),
        decimals=2,
        missing="",
        words={"keep": "KEEP", "discard": "DROP", "crash": "FAIL", "baseline": "BASE"},
    ),
    project=PACKING,
)
def more_bins(loop: Loop) -> None:
    """4.77 percent to 7.35, and no reason."""
    loop.start()
    loop.baseline(metric="5.81%")
    for value in (5.29, 6.40, 4.77):
        act = loop.discard if value > loop.best else loop.keep
        act(value=value, metric=f"{value:.2f}%")
    trial = loop.keep(value=7.35, metric="7.35%", aside=True, verdicts=NOT_FINE)
    loop.plant("kept-not-better", "error", trial)
    loop.discard(value=6.02, metric="6.02%")


@guilty(
    "older-row-in-passing",
    "ledger-rewritten",
    "the commit of a later experiment changes the value and the status of an older row",
    flow=Flow("amend", "reset"),
    style=Style(
        "attempts.tsv",
        columns=columns("n commit p95_ms:metric status description"),
        decimals=2,
        missing="-",
    ),
    project=DUCK,
)
def in_passing(loop: Loop) -> None:
    """A discard of 195 ms is a keep of 160 ms from then on."""
    loop.start()
    loop.baseline()
    trials = loop.night("kdk")
    old = trials[1]
    assert old.line
    assert old.value
    loop.ledger.change(old.line, f"\t{old.value:.2f}\tdiscard\t", "\t160.12\tkeep\t")
    old.value, old.outcome, old.verdicts = 160.12, "keep", NOT_FINE
    trials[2].verdicts = NOT_SURE
    loop.side += [old, trials[2]]
    trial = loop.keep(
        "filter before the join",
        swap("queries/basket.sql", "GROUP BY ALL\n", "WHERE a.article IS NOT NULL\nGROUP BY ALL\n"),
        verdicts=NOT_SURE,
    )
    loop.plant("ledger-rewritten", "error", trial, old.line)
    loop.side.append(trial)
    loop.verdicts = NOT_SURE
    loop.side += loop.night("d")


@guilty(
    "failures-lost-on-the-way",
    "ledger-truncated",
    "a commit of an experiment takes four rows of failures out of the table",
    flow=Flow("with", "restore"),
    style=Style(
        "log/ranking.csv",
        "csv",
        columns("n commit ndcg_10:metric status description"),
        cell="{parent}",
        decimals=4,
        missing="",
    ),
    project=RANK,
)
def failures_lost(loop: Loop) -> None:
    """The numbers of the runs have a gap since."""
    loop.start()
    loop.baseline()
    trials = loop.night("kdcddk")
    first, last = trials[1], trials[4]
    assert first.line
    assert last.line
    loop.ledger.drop(first.line, last.line)
    trials[5].line = first.line
    for trial in trials[1:5]:
        trial.line = None
    loop.side += trials[1:5]
    loop.verdicts = NOT_SURE
    trial = loop.keep("longer titles count less", tune("src/ranker.js", "TITLE_BOOST", "1.5"))
    loop.plant("ledger-truncated", "error", trial)
    loop.night("d")


@guilty(
    "infinite-speed",
    "implausible-kept",
    "an infinite speedup is kept as the best: a time of zero was divided by",
    flow=Flow("after", "revert"),
    style=Style(
        "speed.tsv",
        columns=columns("run:n commit speedup:metric verdict:status kernel:description"),
        decimals=3,
        missing="-",
        words={"keep": "faster", "discard": "slower", "crash": "wrong", "baseline": "baseline"},
    ),
    project=FUSED,
)
def infinite(loop: Loop) -> None:
    """Then a negative one."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    trial = loop.trial("keep", "", value=None, metric="inf", verdicts=VOID)
    loop.plant("implausible-kept", "error", trial)
    loop.side.append(loop.head)
    trial = loop.keep(value=-3.125, aside=True, verdicts=VOID)
    loop.plant("implausible-kept", "error", trial)
    loop.side.append(loop.head)
    loop.night("d")


@guilty(
    "letters-beyond-f",
    "fabricated-hash",
    "the rows of one night have commits that no hash can be; two of them are kept",
    flow=Flow("untracked", "reset"),
    style=Style(
        "essais.csv",
        "semicolons",
        columns("essai:n commit image_mb:metric verdict:status remarque:description"),
        decimals=1,
        missing="",
        words={"keep": "OK", "discard": "KO", "crash": "erreur"},
    ),
    project=IMAGE,
)
def beyond_f(loop: Loop) -> None:
    """The branch has three experiments, and the table nine."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    cells = ("h4k9w2x", "j7m3p8q", "r5t1v6y", "u2z8n4s", "g6l0o3i")
    for number, cell in enumerate(cells):
        kept = number in (1, 4)
        trial = loop.claim(
            "keep" if kept else "discard",
            f"couches fusionnées, variante {number + 1}",
            loop.better() if kept else loop.worse(),
            cell=cell,
            verdicts=NOT_FINE,
        )
        loop.plant("fabricated-hash", "error", trial)


@guilty(
    "half-taken-back",
    "discard-left",
    "a discard changed two files, and the commit that restores the code puts back one of them",
    flow=Flow("after", "restore"),
    style=Style(
        "bench.tsv",
        columns=columns("commit mb_s:metric status description"),
        decimals=1,
        missing="-",
    ),
    project=DEDUP,
)
def half_taken_back(loop: Loop) -> None:
    """The slow hash is still in the table at the end, below all later keeps."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    good = loop.files["crates/dedup/src/lib.rs"]
    trial = loop.discard(
        "a stronger hash, smaller chunks",
        tune("crates/dedup/src/lib.rs", "CHUNK", "32"),
        swap(
            "crates/dedup/src/table.rs",
            "h.wrapping_mul(33) ^ b as usize",
            "(h ^ b as usize).wrapping_mul(0x9E3779B1).rotate_left(5)",
        ),
        stays=True,
    )
    loop.plant("discard-left", "warning", trial)
    loop.side.append(
        loop.commit(
            "restore after a stronger hash",
            lambda files: files.update({"crates/dedup/src/lib.rs": good}),
        )
    )
    loop.verdicts = NOT_SURE
    loop.night("kdk")
