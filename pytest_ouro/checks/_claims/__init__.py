"""Judge what the claims of a past loop alone show: rows against rows, and rows against commits.

Each module is about what one check owns. A finding only warns unless no innocent history can give
it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.fast_dataclass import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment


class Claimed(NamedTuple):
    """A finding about claims: the name of the check that owns it, the commits (full ids) and the
    lines of the ledger that it is about."""

    check: str
    finding: Finding
    commits: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


#: Words of a description that give an innocent reason for a keep that is not better.
REASONS = re.compile(
    r"(?i)\b(?:base-?line\w*|re-?(?:base\w*|run\w*|measur\w*|eval\w*|produc\w*|calib\w*|peat\w*|tr(?:y|ied)"
    r"|set|start\w*|stor\w*|vert\w*|factor\w*)|seeds?|nois\w*|varian\w*|simpl\w*|clean\w*|small\w*|less"
    r"|fewer|lower|fast\w*|speed\w*|quick\w*|throughput|latency|memory|vram|mem|gb|mb|params?|equal\w*"
    r"|same|ties?|tied|trade-?off\w*|robust\w*|stab\w*|hardware|gpus?|machine|a100|h100|h200|dataset\w*"
    r"|data|shards?|budget|fix\w*|bugs?|correct\w*|merge\w*|roll\w*|champion|pareto|neutral|within|ok"
    r"|new metric|harness|switch\w*|upgrad\w*|foundation\w*|infra\w*|support\w*|needed|anyway"
    r"|despite|although|though|but|regular\w*|generali[sz]\w*|explor\w*|confirm\w*|replic\w*|check\w*|sanity)\b"
)


#: Words of a description of a row that measures a code once more.
AGAIN = re.compile(
    r"(?i)\b(?:repeat\w*|re-?run\w*|replic\w*|confirm\w*|nois\w*|varian\w*|sanity|same code"
    r"|baseline)\b"
)


def lines_of(experiments: Sequence[Experiment]) -> tuple[int, ...]:
    """Return the lines of the rows of these experiments, in their order; one without a row adds
    none."""
    return tuple(one.row.line for one in experiments if one.row is not None)


def commits_of(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Return the commits of these experiments, each once, without unknown ones."""
    return tuple(dict.fromkeys(one.commit for one in experiments if one.commit))


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield all findings about the claims of a loop; those about simplicity only warn."""
    from pytest_ouro.checks._claims import (
        budget,
        code,
        constants,
        held_out,
        log_schema,
        logged,
        meaning,
        measuring,
        metric,
        packages,
        seeds,
        settled,
        simplicity,
    )

    about_rows = (logged, log_schema, metric, settled, seeds)
    yield from (_as_warning(one) for one in simplicity.judge(claims))
    yield from budget.judge_rows(claims)
    for part in (*about_rows, constants, code, meaning, measuring, held_out, packages):
        yield from part.judge(claims)


def _as_warning(claimed: Claimed) -> Claimed:
    """Return a copy of a finding that only warns."""
    return claimed._replace(finding=replace(claimed.finding, warns=True))
