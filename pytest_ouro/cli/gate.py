"""``pytest-ouro gate``: the same judgement as under pytest, without pytest."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.judge import judge_all, open_case
from pytest_ouro.report.text import count, judgement_text

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.finding import Judgement
    from pytest_ouro.judge import Case


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", metavar="REF", help="the commit whose rules and files are the truth"
    )
    parser.add_argument(
        "--staged", action="store_true", help="judge what is staged, not the working tree"
    )
    parser.add_argument(
        "--rehash", action="store_true", help="read every data file again, however large"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def main(args: argparse.Namespace) -> int:
    case = open_case(
        find_bound(args.bound),
        trust=args.trust,
        subject="index" if args.staged else "working tree",
        rehash=args.rehash,
        index=os.environ.get("GIT_INDEX_FILE", "") if args.staged else "",
    )
    judgements = judge_all(case)
    print(_json(case, judgements) if args.json else _text(case, judgements))
    return 1 if any(judgement.broken for judgement in judgements) else 0


def _text(case: Case, judgements: list[Judgement]) -> str:
    told = [
        judgement_text(judgement, bound="bound.toml")
        for judgement in judgements
        if judgement.status in ("broken", "warned")
    ]
    word = "broken" if any(j.broken for j in judgements) else "lawful"
    return "\n".join([*told, f"ouro: {word}: {count(judgements)}, trust: {case.trust}"])


def _json(case: Case, judgements: list[Judgement]) -> str:
    return json.dumps(
        {
            "lawful": not any(judgement.broken for judgement in judgements),
            "trust": {"source": case.trust.source, "commit": case.trust.commit},
            "head": case.repository.head,
            "rules": [asdict(judgement) for judgement in judgements],
        },
        ensure_ascii=False,
        indent=2,
    )
