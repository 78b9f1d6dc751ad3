"""Pack what is shown of a run when it is opened: compressed, and at most 2 kB of the page a run."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.verdicts import noise_explains
from pytest_ouro.report.html.text import cut, cut_start, escape_line
from pytest_ouro.report.redact import redact, redact_start
from pytest_ouro.report.runs.files import read_log_end
from pytest_ouro.report.runs.sentences import describe_claim
from pytest_ouro.report.runs.times import describe_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.report.page.facts import Details, RunEntry

#: The most bytes of the page for each run, and the runs whose details are compressed together.
PER_RUN, BLOCK = 2000, 16
#: The most characters of a diff, of a log's end, and of a single fact.
_DIFF, _LOG, _FACT = 6000, 1500, 400
#: The most characters of a fact that are read.
_READ = 1000


def describe(
    run: FinishedRun, entry: RunEntry, diff: str | None, journal: Journal, *, raw: bool
) -> dict[str, object]:
    """Return the details of a run: its ``facts`` as pairs of a name and words, the ``diff`` of its
    editable files, and the end of its ``log``, all escaped, and redacted unless ``raw``."""
    facts = [(name, " ".join(words.split())) for name, words in _list_facts(run, entry)]
    known = [(name, words[:_READ]) for name, words in facts if words]
    shown = _hide([words for _, words in known], raw=raw)
    return {
        "facts": [
            [name, escape_line(cut(words, _FACT))]
            for (name, _), words in zip(known, shown, strict=True)
        ],
        "diff": _escape_block(cut(_hide_start(diff or "", _DIFF, raw=raw), _DIFF)),
        "log": _escape_block(cut_start("\n".join(read_log_end(journal, run.run, raw=raw)), _LOG)),
    }


def _hide_start(text: str, width: int, *, raw: bool) -> str:
    """Return the start of a text, redacted, for a caller that cuts it to ``width`` characters (see
    `redact_start`); the whole text as it is if ``raw``."""
    return text if raw else redact_start(text, width)


def _hide(texts: list[str], *, raw: bool) -> list[str]:
    """Return texts of one line each, redacted unless ``raw``: all at once, which is many times as
    fast as one by one, unless something private spans several."""
    if raw or not texts:
        return texts
    found = redact("\n".join(texts)).split("\n")
    return found if len(found) == len(texts) else [redact(text) for text in texts]


def _list_facts(run: FinishedRun, entry: RunEntry) -> list[tuple[str, str]]:
    """Return the facts of a run as pairs of a name and words, which are not yet redacted or
    escaped; the words are "" where there is nothing to say."""
    text, window = run.metric.text, run.window_seconds
    trained = (
        "" if window is None else f"{describe_duration(window)} of {describe_duration(run.budget)}"
    )
    if run.steps_served is not None:
        trained = f"{run.steps_served} of {run.steps} batches"
    state = f"{entry['state']}: {entry['state_why']}" if entry["state_why"] else entry["state"]
    noise = noise_explains(run)
    return [
        ("description", run.description),
        ("verdict", f"{run.status} ({run.reason_text})"),
        ("why", entry["why"]),
        ("state", state),
        ("outcome", run.outcome or ""),
        ("measured", text(run.measured_value) if run.measured_value is not None else ""),
        ("claimed", describe_claim(run)),
        (
            "compared with",
            "" if run.best is None else f"{text(run.best)} of {(run.best_commit or '')[:7]}",
        ),
        ("noise explains", f"up to {text(noise)}" if noise else ""),
        ("repeats", f"{run.n} runs, mean {text(run.mean)}" if run.n else ""),
        ("findings", "; ".join((*run.findings, *run.caught))),
        ("guards", "; ".join(str(guard.get("text", "")) for guard in run.guards)),
        ("level", f"{run.level or 'none'}{run.level_why and f' ({run.level_why})'}"),
        ("trained", f"{trained} ({run.clock})" if trained else ""),
        ("took", "" if run.wall_seconds is None else describe_duration(run.wall_seconds)),
        ("CPU time", "" if run.cpu_seconds is None else describe_duration(run.cpu_seconds)),
        ("memory", f"{run.peak_mb:.0f} MB" if run.peak_mb else ""),
        ("device", run.device_name or run.device),
        ("code", _describe_size(run)),
        ("salt", str(run.salt) if run.salt else ""),
        ("branch", run.branch),
        ("working tree", run.worktree or ""),
        ("ended", run.time),
        ("commit", run.commit),
        ("run", run.run),
    ]


def _describe_size(run: FinishedRun) -> str:
    """Return the size of a run's code in nodes of the syntax tree, and the change from that of its
    reference if there is one, such as ``120 nodes, -5 nodes``; "" if the size is not known."""
    before = run.best_code_size
    change = f", {run.code_size - before:+d} nodes" if before and before != run.code_size else ""
    return f"{run.code_size} nodes{change}" if run.code_size else ""


def _escape_block(text: str) -> str:
    """Return a text of several lines, escaped line by line."""
    return "\n".join(map(escape_line, text.split("\n")))


def pack(described: Sequence[Mapping[str, object] | None], drop: Sequence[int]) -> Details:
    """Return the details of runs (``described``: None for one without any) in compressed blocks. If
    they need more than `PER_RUN` bytes a run, those of the runs at the places ``drop`` are left
    out, the first of them first."""
    room = PER_RUN * len(described)
    kept = list(described)
    texts = [json.dumps(one, ensure_ascii=False) if one else "" for one in kept]
    blocks = _compress(kept)
    waiting = list(drop)
    while sum(map(len, blocks)) > room and waiting:
        over = sum(map(len, blocks)) / room
        share = len(blocks and "".join(texts)) * (1 - 1 / over)
        while share > 0 and waiting:
            place = waiting.pop(0)
            share -= len(texts[place])
            kept[place], texts[place] = None, ""
        blocks = _compress(kept)
    return {
        "block": BLOCK,
        "blocks": blocks,
        "kept": sum(one is not None for one in kept),
        "all": len(kept),
    }


def _compress(described: Sequence[Mapping[str, object] | None]) -> list[str]:
    """Return a text for each block of `BLOCK` runs that follow each other: their details as base64
    of zlib of a JSON list, null for a run without any; "" if no run of the block has any."""
    blocks = []
    for start in range(0, len(described), BLOCK):
        part = described[start : start + BLOCK]
        data = json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()
        blocks.append(base64.b64encode(zlib.compress(data)).decode() if any(part) else "")
    return blocks
