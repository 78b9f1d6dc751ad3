"""Honest loops whose ledgers have forms, words and numbers that sets A to C do not have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..define import honest
from ..edits import swap, tune
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from .machines import IMAGE, PAGE, SAT
from .models import CREDIT, GAIT
from .studies import DIFFUSION, PACKING

if TYPE_CHECKING:
    from ..loop import Loop


@honest(
    "optimum-of-zero",
    "the metric reaches 0, which is the optimum and no crash; cells are padded with spaces",
    flow=Flow("with", "revert"),
    style=Style(
        "versions.tsv",
        columns=columns("v:n commit~:commit excess_pct:metric status~:status note:description"),
        cell="{parent}",
        decimals=2,
        missing="   -",
        words={"keep": "keep   ", "discard": "discard", "crash": "crash  "},
    ),
    project=PACKING,
)
def optimum(loop: Loop) -> None:
    """The instructions state that 0 is optimal."""
    loop.start()
    loop.baseline(metric="  5.81")
    loop.keep(value=4.02, metric="  4.02")
    loop.discard(value=6.44, metric="  6.44")
    loop.keep(
        "prefer an exact fit",
        swap(
            "priority.py",
            "        left = room - item\n",
            "        left = room - item\n        if left == 0:\n            numbers.append(1e9)\n"
            "            continue\n",
        ),
        value=0.97,
        metric="  0.97",
    )
    loop.crash("divide by what is left", swap("priority.py", "/ (1 + left)", "/ left"))
    loop.keep(
        "never leave less than the smallest item",
        tune("priority.py", "LOOKBACK", "12"),
        value=0.0,
        metric="  0.00",
        describe="optimal on all instances",
        verdicts=NOT_SURE,
    )
    loop.discard("simpler: without tightness", tune("priority.py", "TIGHTNESS", "0.0"), value=0.97)


@honest(
    "from-falling-to-walking",
    "negative values become positive and grow tenfold; nested JSON with words of its own",
    flow=Flow("after", "revert"),
    style=Style(
        "log/tries.jsonl",
        "jsonl",
        columns(
            "try:n git.sha:commit outcome.distance_m:metric outcome.episodes:=16 decision:status "
            "idea:description"
        ),
        cell="{long}",
        decimals=3,
        missing="",
        words={"keep": "adopt", "discard": "abandon", "crash": "error", "baseline": "baseline"},
    ),
    project=GAIT,
)
def walking(loop: Loop) -> None:
    """A gait that works is another world than one that falls."""
    loop.start()
    loop.baseline()
    loop.keep("lean less", tune("gait.py", "DAMPING", "0.1"), value=-0.037)
    loop.night("d")
    loop.keep(
        "diagonal legs together",
        swap("gait.py", "leg * math.pi / 2", "(leg % 2) * math.pi"),
        value=1.904,
    )
    loop.crash("legs as a list", swap("gait.py", "range(4)", "[0, 1, 2, 3, 4]"))
    loop.keep(
        "lift by the square of the swing",
        swap("gait.py", "LIFT * max(0.0, swing)", "LIFT * max(0.0, swing) ** 2"),
        value=9.418,
    )
    loop.night("dd")
    loop.keep(value=11.262)


@honest(
    "seconds-then-milliseconds",
    "the unit changes with a second header and a second baseline: numbers a thousand times as big",
    flow=Flow("untracked", "restore"),
    style=Style(
        "logs/perf runs.tsv",
        columns=columns("commit lcp_s:metric status description"),
        decimals=4,
        missing="-",
    ),
    project=PAGE,
)
def unit_changes(loop: Loop) -> None:
    """2.33 s are more than 2290 ms only for one who reads no units."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline(2.4125)
    loop.keep(value=2.3610)
    loop.discard(value=2.5080)
    loop.keep(value=2.3275)
    loop.ledger.raw("# from here on in milliseconds, as the script prints them")
    loop.ledger.head(columns("commit lcp_ms:metric status description"))
    loop.baseline(2327.5, "baseline: the same build, in ms")
    loop.keep(value=2288.0)
    loop.discard(value=2391.5)
    loop.keep(
        "decode the pictures off the main thread",
        swap(
            "src/gallery.ts",
            '    image.loading = i < eager ? "eager" : "lazy";\n',
            '    image.loading = i < eager ? "eager" : "lazy";\n    image.decoding = "async";\n',
        ),
        value=2104.5,
    )


@honest(
    "table-in-markdown",
    "the ledger is a table in a Markdown file, with links to the commits and prose around it",
    flow=Flow("after", "revert"),
    style=Style(
        "EXPERIMENTS.md",
        "markdown",
        columns("No:n Commit:commit PAR-2:metric Result:status What~was~tried:description"),
        before=("# Experiments", "", "PAR-2 of the six instances; lower is better.", ""),
        cell="[`{short}`](https://example.org/sat/commit/{long})",
        decimals=1,
        missing="n/a",
    ),
    project=SAT,
)
def markdown(loop: Loop) -> None:
    """As many agents write when nobody names a format."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.keep(
        "ties by the smaller index go to the newer variable",
        swap("src/heuristics.hpp", "activity[v] > activity[best]", "activity[v] >= activity[best]"),
    )
    loop.night("cdk")


@honest(
    "essais-en-francais",
    "French words with accents in Windows-1252, semicolons, French instructions",
    flow=Flow("untracked", "reset"),
    style=Style(
        "essais.csv",
        "semicolons",
        columns("essai:n commit image_mb:metric verdict:status remarque:description"),
        encoding="cp1252",
        end="\r\n",
        decimals=1,
        missing="",
        words={
            "keep": "gardé",
            "discard": "rejeté",
            "crash": "échec",
            "baseline": "référence",
        },
    ),
    project=IMAGE,
)
def french(loop: Loop) -> None:
    """Bytes that are not UTF-8."""
    loop.start()
    loop.baseline(describe="référence")
    loop.keep(
        "image de base réduite",
        swap("Dockerfile", "FROM debian:bookworm\n", "FROM debian:bookworm-slim\n"),
        value=301.7,
    )
    loop.night("d")
    loop.keep(
        "sans compilateur, après vérification",
        swap("Dockerfile", " python3-pip build-essential", ""),
        value=148.2,
    )
    loop.crash("alpine sans python", swap("Dockerfile", "install -y python3", "install -y musl"))
    loop.keep(
        "cache d'apt supprimé",
        swap("Dockerfile", "-y python3\n", "-y python3 && rm -rf /var/lib/apt/lists\n"),
        value=129.6,
    )


@honest(
    "words-in-chinese",
    "Chinese headers, statuses, texts and file names, with a byte order mark; R",
    flow=Flow("after", "restore"),
    style=Style(
        "实验/记录.tsv",
        columns=columns("提交:commit auc:metric 状态:status 说明:description"),
        encoding="utf-8-sig",
        decimals=4,
        missing="无",
        words={"keep": "保留", "discard": "放弃", "crash": "崩溃", "baseline": "基线"},
    ),
    project=CREDIT,
)
def chinese(loop: Loop) -> None:
    """The metric's name alone is in Latin letters."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline(describe="原始模型")
    texts = ("树更深", "收缩率过大", "更多的树", "内存不足", "学习率", "更浅")
    for text, letter in zip(texts, "kdkckd", strict=True):
        act = {"k": loop.keep, "d": loop.discard, "c": loop.crash}[letter]
        act(describe=text)


@honest(
    "against-the-incumbent",
    "the ledger has the change in percent against the best of the moment; negative is better",
    flow=Flow("untracked", "revert"),
    style=Style(
        "duels.tsv",
        columns=columns("n commit vs_best_pct:metric verdict:status change:description"),
        decimals=2,
        missing="fail",
        words={"keep": "champion", "discard": "lost", "crash": "fail"},
    ),
    project=replace(
        SAT.with_files(
            program__md=SAT.files["program.md"]
            + "\nA row has `vs_best_pct`: PAR-2 against the champion of the moment in percent. "
            "Below 0 the change\nbecomes the champion, against which the next ones are measured.\n"
        ),
        metric="vs_best_pct",
        first=0.0,
        step=1.2,
    ),
)
def incumbent(loop: Loop) -> None:
    """-0.64 after -4.10 is a gain all the same."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline()
    loop.keep(value=-4.10)
    loop.discard(value=2.25)
    loop.keep(value=-1.35)
    loop.crash()
    loop.keep(value=-0.64)
    loop.discard(value=0.91)
    loop.keep(value=-2.87)


@honest(
    "thousands-and-penalties",
    "quoted numbers with separators of thousands; a time limit gives a high value, not a crash",
    flow=Flow("amend", "reset"),
    style=Style(
        "runs/par2.csv",
        "csv",
        columns("id:n commit par2:metric solved state:status remark:description"),
        decimals=1,
        missing="",
        words={"keep": "Merged", "discard": "Closed", "crash": "Build failed"},
    ),
    project=replace(SAT, first=2318.4, step=96.0),
)
def thousands(loop: Loop) -> None:
    """7,200.0 is what two limits of an hour add up to."""
    loop.start()
    loop.baseline(metric="2,318.4", more={"solved": "6"})
    for letter in "kdkxckd":
        if letter == "c":
            loop.crash(more={"solved": "0"})
            continue
        value = 7200.0 if letter == "x" else loop.better() if letter == "k" else loop.worse()
        act = loop.keep if letter == "k" else loop.discard
        act(
            value=value,
            metric=f"{value:,.1f}",
            more={"solved": "4" if letter == "x" else "6"},
        )


@honest(
    "array-with-two-shapes",
    "one JSON list; the objects nest their metric from the middle on",
    flow=Flow("after", "reset"),
    style=Style(
        "history.json",
        "array",
        columns("iter:n commit fid:metric status notes:description"),
        before=("[",),
        decimals=3,
        missing="",
        words={"keep": "improved", "discard": "no gain", "crash": "diverged"},
    ),
    project=DIFFUSION,
)
def array(loop: Loop) -> None:
    """A diverged run has null."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline()
    loop.night("kdkc")
    loop.ledger.columns = columns(
        "iter:n commit metrics.fid:metric metrics.minutes:=10 status notes:description"
    )
    loop.keep(
        "a residual in each layer",
        swap(
            "unet.py",
            "            h = torch.nn.functional.silu(layer(h))\n",
            "            y = torch.nn.functional.silu(layer(h))\n"
            "            h = h + y if h.shape == y.shape else y\n",
        ),
    )
    loop.night("dk")
