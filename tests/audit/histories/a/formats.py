"""Honest loops whose ledgers have the formats that real ones have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..domains import CLASSIFIER, KERNEL, PROMPT, STRATEGY
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from ..projects import LM_OPEN

if TYPE_CHECKING:
    from ..loop import Loop


@honest("plain", "five columns, untracked ledger, reset")
def plain(loop: Loop) -> None:
    """The original's workflow."""
    loop.start()
    loop.baseline()
    loop.night("kdkcdkdk")


@honest(
    "csv-renamed-columns",
    "csv, other header names, quoted commas, higher is better",
    flow=Flow("after", "reset"),
    style=Style(
        "experiments.csv",
        "csv",
        columns(
            "Revision:commit Val~Acc:metric Peak~Memory~(GB):memory Verdict:status "
            "Notes:description"
        ),
        decimals=4,
        missing="",
        words={"keep": "Accepted", "discard": "Rejected", "crash": "Failed"},
    ),
    project=CLASSIFIER,
)
def csv_renamed_columns(loop: Loop) -> None:
    """Names and words of its own, and descriptions with commas."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.keep(describe="wider polynomial, same strength")
    loop.night("cdk")


@honest(
    "json-lines-nested",
    "json lines, nested metric, unknown keys, null metric of a crash",
    flow=Flow("with", "restore"),
    style=Style(
        "log.jsonl",
        "jsonl",
        columns(
            "run:n id:commit time metrics.val_bpb:metric metrics.memory_gb:memory status "
            "note:description "
            "config.seconds:seconds"
        ),
        missing="",
        cell="{parent}",
        words={"keep": "accepted", "discard": "rejected", "crash": "error"},
    ),
    project=LM_OPEN,
)
def json_lines_nested(loop: Loop) -> None:
    """The row is committed with the code, so that it can only have the parent's hash."""
    loop.start()
    loop.baseline()
    loop.night("kdkck")


@honest(
    "headerless-head",
    "no header, commit cell HEAD, C, higher is better",
    flow=Flow("with", "reset"),
    style=Style(
        columns=columns("commit metric memory status description"),
        header=False,
        cell="HEAD",
        decimals=2,
        missing="0",
    ),
    project=KERNEL,
)
def headerless_head(loop: Loop) -> None:
    """Each row is in the commit of its experiment, which links them."""
    loop.start()
    loop.baseline()
    loop.night("kdkkc")


@honest("windows", "crlf, byte order mark", style=Style(end="\r\n", encoding="utf-8-sig"))
def windows(loop: Loop) -> None:
    """An editor of Windows."""
    loop.start()
    loop.baseline()
    loop.night("dkckd")


@honest(
    "utf-16",
    "utf-16, no final newline",
    style=Style(encoding="utf-16", final_end=False, end="\r\n"),
)
def utf16(loop: Loop) -> None:
    """A shell of Windows that redirects in UTF-16."""
    loop.start()
    loop.baseline()
    loop.night("kkdck")


@honest(
    "literal-tabs",
    "literal backslash t in some rows, memory as a dash, duplicate hash",
    style=Style(no_memory="-", missing="-"),
)
def literal_tabs(loop: Loop) -> None:
    """`echo` without -e wrote some of the rows."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    trial = loop.discard()
    assert trial.line
    loop.ledger.lines[trial.line - 1] = loop.ledger.lines[trial.line - 1].replace("\t", "\\t")
    loop.ledger.rows -= 1
    loop.ledger.rows_more += 1
    loop.night("kc")


@honest(
    "direction-comment",
    "metric_direction comment, iteration and delta columns, commit cell a dash, guard column",
    flow=Flow("untracked", "revert"),
    style=Style(
        "autoresearch-results.tsv",
        columns=columns("iteration:n commit metric delta guard:=pass status description"),
        before=("# metric_direction: higher_is_better", "# started by hand"),
        decimals=3,
        missing="0.0",
        words={"baseline": "baseline", "keep": "keep", "crash": "metric-error"},
    ),
    project=STRATEGY,
)
def direction_comment(loop: Loop) -> None:
    """A comment states the direction; discarded rows have no commit."""
    loop.start()
    loop.baseline()
    loop.night("k")
    loop.discard(cell="-")
    loop.keep(status="keep (reworked)")
    loop.discard(cell="-", status="hook-blocked", metric="-")
    loop.night("kck")


@honest(
    "second-schema",
    "a second header, rulers, prose, blank lines",
    warns="ledger-unreadable",
)
def second_schema(loop: Loop) -> None:
    """A second session adds a column, and a note."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    loop.ledger.raw("")
    loop.ledger.raw("=" * 40)
    loop.ledger.raw("# second session: also log the steps")
    loop.ledger.head(
        columns("commit val_bpb:metric steps:=912 memory_gb:memory status description")
    )
    loop.night("kd")
    line = loop.ledger.raw("Note to self: the loader stalls when the disk is busy, look into it.")
    loop.plant("ledger-unreadable", "warning", line=line)
    loop.ledger.rows_more += 1
    loop.night("kc")


@honest(
    "two-on-a-line",
    "two records on one line, no final newline",
    style=Style(final_end=False),
    warns="ledger-unreadable",
)
def two_on_a_line(loop: Loop) -> None:
    """An append after a row that had no line end."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    first = loop.discard(end="")
    loop.crash()
    loop.ledger.rows -= 2
    loop.ledger.rows_more += 2
    loop.ledger.lines[-2:] = ["".join(loop.ledger.lines[-2:])]
    loop.ledger.ends.clear()
    loop.trials[-1].line = first.line
    loop.plant("ledger-unreadable", "warning", line=first.line)
    loop.night("kd")


@honest("sentinels", "metrics of crashes: 0, 99.0, 999, NA, nan, inf, empty, a dash")
def sentinels(loop: Loop) -> None:
    """Each crash has another sign for no value; none is a best."""
    loop.start()
    loop.baseline()
    for number, sign in enumerate(("0", "99.0", "999", "NA", "nan", "inf", "", "-", "0.000000")):
        words = ("crash", "OOM", "FAIL", "timeout", "error")
        loop.crash(metric=sign, status=words[number % len(words)])
        if number % 3 == 0:
            loop.keep()


@honest("mixed-ends", "mixed line ends, leading tabs, blank lines, spaces around cells")
def mixed_ends(loop: Loop) -> None:
    """Two editors and a hasty agent."""
    loop.start()
    loop.baseline(end="\r\n")
    loop.keep(end="\r\n")
    loop.discard()
    loop.ledger.raw("")
    loop.keep(describe="  warm down longer  ")
    loop.ledger.raw("   ")
    loop.discard(end="\r\n", status="Discard ")
    loop.keep(status="KEEP ✓")


@honest(
    "cell-suffixes",
    "commit cells with suffixes, several rows for one commit, C",
    style=Style(
        "runs.tsv",
        columns=columns("config_id:commit gflops:metric clock_mhz:=1797 status description"),
        decimals=2,
        missing="-",
    ),
    project=KERNEL,
    warns="",
)
def cell_suffixes(loop: Loop) -> None:
    """Variants of one commit, by an option of the benchmark or an edit that was not committed."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.keep()
    for number, suffix in enumerate(("-t07", "_np", "-dirty")):
        short = loop.head[:7]
        loop.ledger.rows += 1
        loop.ledger.raw(f"{short}{suffix}\t{loop.worse():.2f}\t1799\tdiscard\tvariant {number}")
    loop.night("dk")


@honest(
    "cells-as-words",
    "commit cells exp1, exp2, baseline, TBD; rows are found by their subjects",
    style=Style(
        "results.tsv",
        columns=columns("commit score:metric status description"),
        cell="exp{n}",
        decimals=2,
        missing="0",
        words={"keep": "kept", "discard": "reverted"},
    ),
    project=PROMPT,
)
def cells_as_words(loop: Loop) -> None:
    """No hash at all, but descriptions that are the commits' subjects."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline(cell="baseline")
    loop.night("kdkd")
    loop.keep(cell="TBD")
    loop.night("kd")


@honest(
    "semicolons",
    "csv with semicolons, quotes everywhere, long hashes, status first",
    flow=Flow("after", "revert"),
    style=Style(
        "log.csv",
        "semicolons",
        columns("outcome:status sha:commit when:time mean:metric change:description"),
        cell="{long}",
        quotes=True,
        decimals=4,
        missing="nan",
    ),
    project=CLASSIFIER,
)
def semicolons(loop: Loop) -> None:
    """Long hashes, and a metric column named neither like the metric nor `metric`."""
    loop.start()
    loop.baseline()
    loop.night("kdckd")
