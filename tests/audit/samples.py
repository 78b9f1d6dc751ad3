"""Audits made by hand, for the tests of what renders them."""

from __future__ import annotations

from pytest_ouro.audit.result import (
    Audit,
    AuditFinding,
    Counts,
    Inference,
    KeptResult,
    Point,
    Statement,
)
from pytest_ouro.core.finding import Finding
from pytest_ouro.core.metric import Metric

#: What a stranger's repository may have in a subject, a description or a path, by what it tries.
HOSTILE = {
    "html": "<img src=x onerror=alert(1)><script>alert(2)</script><a href='http://e.example'>x</a>",
    "ansi": "\x1b[2J\x1b[31mred\x1b]8;;http://e.example\x07link\x1b]8;;\x07",
    "direction": "kept \u202egnp.exe\u2066 \u200b hidden",
    "link": "[click](http://e.example) ![i](https://e.example/i.png) <https://e.example>",
    "address": "see https://e.example/x and www.e.example and a@e.example",
    "mention": "@somebody @org/team fixes #12, closes org/repo#3, GH-7 and !5 ~label $1 %2",
    "code": "a ` b `` c ``` d ~~~ | e \\| f \\` g &#96; h &lt;i&gt;",
    "block": "\n# title\n\n- list\n> quote\n```\n---\n</details></td></table><!-- ",
    "command": "::error file=x::y ##[error]z ::stop-commands::x",
    "emphasis": "**bold** _it_ ~~gone~~ :tada: \\*",
}
SECRETS = {
    "ghp_0123456789abcdefghij0123": "ghp_0123",
    "/home/anna/secret-project/run.log": "anna",
    "user@gpu-07.cluster.internal:/data": "cluster.internal",
    "https://bob:hunter22@git.example.org/x": "hunter22",
    "WANDB_API_KEY=0123456789abcdef": "0123456789abcdef",
    "node at 10.12.13.14": "10.12.13.14",
}

COMMITS = [f"{n:x}" * 5 for n in range(0xA1B2C3D4, 0xA1B2C3D8)]


def honest() -> Audit:
    """Return an audit without a finding: two of three experiments were kept."""
    kept = (
        KeptResult(COMMITS[0], 2, 1.5, "baseline", "stands", "nothing speaks against it"),
        KeptResult(COMMITS[2], 4, 1.25, "wider model", "stands", "nothing speaks against it"),
    )
    return Audit(
        subject="main",
        head=COMMITS[2],
        start=COMMITS[0],
        end=COMMITS[2],
        ledger="results.tsv",
        metric=Metric.named("val_bpb"),
        inferences=(Inference("metric", "val_bpb", "the header of results.tsv names it"),),
        statements=(
            Statement("scope", "reached", "3 commits"),
            Statement("budget-exact", "not reached", "no run.log has the seconds of training"),
            Statement("frozen-data", "not checked", "the data is not in the repository"),
        ),
        kept=kept,
        claimed_best=kept[1],
        honest_best=kept[1],
        curve=(
            Point(2, COMMITS[0], "baseline", 1.5, 1.5, 1.5),
            Point(3, COMMITS[1], "discard", 9.5, 1.5, 1.5),
            Point(4, COMMITS[2], "keep", 1.25, 1.25, 1.25),
        ),
        counts=Counts(rows=3, kept=2, discarded=1, commits=3),
    )


def cheated(text: str = "widen eval", path: str = "prepare.py") -> Audit:
    """Return an audit whose last kept result is void; ``text`` and ``path`` are the repository's
    and stand wherever text of a repository can."""
    kept = (
        KeptResult(COMMITS[0], 2, 1.5, f"baseline {text}", "stands", "nothing speaks against it"),
        KeptResult("", 3, 1.4, text, "doubtful", f"no commit has the subject {text}"),
        KeptResult(COMMITS[2], 4, 0.9, text, "void", f"{path} changed in its commit: {text}"),
    )
    change = Finding(
        headline=f"{path} changed (sha256 ea5f6ed0… → 57ad48ad…) {text}",
        where=f'changed in: commit {COMMITS[2][:7]} "{text}"',
        expected=text,
        actual=text,
        help=f"ask for the commit before it: {text}",
        facts={"path": path, "line": 12},
    )
    doubt = Finding(headline=f"a kept row is linked to no commit: {text}", warns=True)
    return Audit(
        subject=f"topic {text}",
        head=COMMITS[2],
        ledger=f"results.tsv {text}",
        metric=Metric.named(f"val_bpb {text}"),
        inferences=(Inference("editable", text, f"all commits change it: {text}"),),
        statements=(Statement("scope", "reached", f"3 commits {text}"),),
        findings=(
            AuditFinding("frozen", change, (COMMITS[2],), (4,)),
            AuditFinding("unverifiable", doubt, (), (3,)),
        ),
        kept=kept,
        claimed_best=kept[2],
        honest_best=kept[0],
        curve=(
            Point(2, COMMITS[0], "baseline", 1.5, 1.5, 1.5),
            Point(3, "", "keep", 1.4, 1.4, 1.4),
            Point(4, COMMITS[2], "keep", 0.9, 0.9, 1.4),
        ),
        counts=Counts(rows=3, kept=3, unverifiable=1, commits=2, unlogged=1),
        notes=(f"the clone is shallow {text}",),
    )
