"""Simulate the figures of docs/selection.md, by the code that decides in a real night.

    python benchmarks/selection.py [TABLE ...] [--nights N] [--jobs N] [--write]

Without a name all tables are made. `--write` puts them into docs/selection.md, too. The same
numbers come out each time, for any number of jobs. With 20,000 nights a row, all tables take about
25 minutes of CPU time.

`limits`: nights in which nothing helps, under four kinds of noise: how often a certificate is
granted, by how much the gain of its pairs differs from the true one before that is decided, and
how many edits are falsely confirmed. `gain`: how much of the true gain of a plain greedy search,
with as many runs and no certificate, the search with a certificate finds. `claims`: what a search
claims, and what a certificate does. `salts`: when the search draws another salt. `margins`: by how
much a run must be better to be kept. `orders`: how the order within pairs is drawn. `pairs`: the
smallest gain that a certificate finds in four of five nights, to one percent; it needs no nights.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.statistics.pairs import ALPHA, alpha_of_look, detectable, grant
from pytest_ouro.experiment.verdict import simulate
from pytest_ouro.experiment.verdict.search_salt import STANDS
from pytest_ouro.experiment.verdict.simulate import Night, Settings, simulate_nights
from pytest_ouro.experiment.verdict.summarise import Estimate, estimate_share, summarise

PAGE = Path(__file__).parents[1] / "docs" / "selection.md"
CHUNK = 250
QUICK = Settings(confirms=False)
GREEDY = Settings(confirms=False, shares_salt=False, pairs=0)


# --- other rules, for comparison ------------------------------------------------------------------


def stands(*known: Any, limit: float, **_: bool) -> bool:
    discards: int = known[-1]
    return discards >= limit


def key_of(settings: Settings, rule: str) -> str:
    """The name of a row, which seeds it: what it states, whatever else can be set one day."""
    one = settings
    shape = (one.runs, one.pairs, one.looks, one.placebo, one.rule.margin, one.shares_salt)
    return " ".join(map(str, (one.effects, one.noise, one.rho, *shape, one.confirms, rule)))


def nights_of(task: tuple[Settings, str, int, int]) -> list[Night]:
    """Simulate one chunk of a row; ``rule`` is "", "kept" or "never", as in the bound, or the
    number of discards after which the search draws another salt."""
    settings, rule, chunk, count = task
    named = f"{key_of(settings, rule)} {chunk}"
    due = simulate.is_due
    try:
        if rule in ("kept", "never"):
            settings = replace(settings, rule=replace(settings.rule, remeasure=rule))
        elif rule:
            simulate.is_due = partial(stands, limit=float(rule))
        return simulate_nights(settings, count, named)
    finally:
        simulate.is_due = due


class Bench:
    """The processes, the number of nights of a row, and the rows that were simulated."""

    def __init__(self, pool: Any, nights: int) -> None:
        self._pool, self._nights = pool, nights
        self._known: dict[str, Any] = {}

    def row(self, settings: Settings, rule: str = "", share: float = 1.0) -> Any:
        """Return the summary of a row, which has this share of the nights."""
        count = max(2, round(self._nights * share))
        key = f"{key_of(settings, rule)} {count}"
        if key not in self._known:
            sizes = [CHUNK] * (count // CHUNK) + [count % CHUNK] * (count % CHUNK > 0)
            tasks = [(settings, rule, n, size) for n, size in enumerate(sizes)]
            found = self._pool.imap(nights_of, tasks)
            self._known[key] = summarise([night for chunk in found for night in chunk])
        return self._known[key]

    # --- the tables -------------------------------------------------------------------------------

    def limits(self) -> list[list[str]]:
        rows = [
            ["noise", "pairs", "granted", "gain − true, before the decision", "falsely confirmed"]
        ]
        for noise in ("gaussian", "t3", "skewed", "ar1"):
            for pairs in (4, 5, 8):
                settings = Settings(noise=noise, pairs=pairs, looks=1, confirms=pairs == 5)
                one = self.row(settings)
                falsely = number(one.falsely, 3) if settings.confirms else ""
                rows.append(
                    [
                        "AR(1), φ = 0.5" if noise == "ar1" else noise,
                        f"{pairs}",
                        share(one.granted, 2),
                        number(one.bias, 4, " σ"),
                        falsely,
                    ]
                )
        return rows

    def gain(self) -> list[list[str]]:
        rows = [["case", "ρ", "placebos", "true gain", "of the greedy search's", "granted"]]
        for effects in ("heavy", "late"):
            greedy = self.row(replace(GREEDY, effects=effects), share=2)
            rows.append([effects, "any", "greedy", number(greedy.true, 2, " σ"), "1", ""])
            for rho in (0.0, 0.5):
                for placebo in (0.0, 0.04):
                    settings = replace(QUICK, effects=effects, rho=rho, placebo=placebo)
                    one = self.row(settings, share=2)
                    rows.append(
                        [
                            effects,
                            f"{rho:g}",
                            f"{placebo:g}",
                            number(one.true, 2, " σ"),
                            number(ratio(one.true, greedy.true), 3),
                            share(one.granted, 1),
                        ]
                    )
        return rows

    def claims(self) -> list[list[str]]:
        rows = [
            [
                *("case", "ρ", "kept", "without a gain", "claimed − true", "granted"),
                *("certified gain − true", "its lower bound − true"),
            ]
        ]
        for effects in ("none", "late", "heavy"):
            for rho in (0.0, 0.5):
                one = self.row(replace(QUICK, effects=effects, rho=rho), share=2)
                over = one.claimed.value - one.true.value
                rows.append(
                    [
                        *(effects, f"{rho:g}", f"{one.kept.value:.1f}", f"{one.false.value:.1f}"),
                        f"{over:+.2f} σ",
                        share(one.granted, 1),
                        number(one.bias_granted, 2, " σ"),
                        number(one.low_granted, 2, " σ"),
                    ]
                )
        return rows

    def salts(self) -> list[list[str]]:
        cases = [("none", 0.0), ("late", 0.0), ("heavy", 0.0), ("late", 0.5), ("heavy", 0.5)]
        rows = [["new salt", "kept, nothing helps", *(f"{e}, ρ = {rho:g}" for e, rho in cases[1:])]]
        for words, rule in (
            ("after each keep, `kept`", "kept"),
            ("after 15 discards", "15"),
            (f"after {STANDS} discards, `standing`", ""),
            ("after 60 discards", "60"),
            ("`never`", "never"),
        ):
            found = [
                self.row(replace(QUICK, effects=effects, rho=rho), rule, 2 if not rule else 0.1)
                for effects, rho in cases
            ]
            truths = [number(one.true, 2, " σ") for one in found[1:]]
            rows.append([words, f"{found[0].kept.value:.1f}", *truths])
        return rows

    def margins(self) -> list[list[str]]:
        rows = [["margin", "kept, nothing helps", "claimed", "late", "heavy"]]
        for margin in (0.0, 0.5, 1.0, 2.0):
            settings = replace(QUICK, rule=VerdictRule(margin=margin))
            none, late, heavy = (
                self.row(replace(settings, effects=effects), share=0.4)
                for effects in ("none", "late", "heavy")
            )
            rows.append(
                [
                    f"{margin:g}",
                    f"{none.kept.value:.1f}",
                    number(none.claimed, 2, " σ"),
                    number(late.true, 2, " σ"),
                    number(heavy.true, 2, " σ"),
                ]
            )
        return rows

    def orders(self) -> list[list[str]]:
        rows = [["order within the pairs", *(f"{pairs} pairs" for pairs in (4, 5, 8))]]
        for words, draw in (("drawn for each pair", None), ("opposite in two pairs", opposite)):
            tasks = [(draw, pairs, n) for pairs in (4, 5, 8) for n in range(20)]
            found = self._pool.starmap(count_grants, [(*t, self._nights // 2) for t in tasks])
            counts = [sum(found[i * 20 : i * 20 + 20]) for i in range(3)]
            total = 20 * (self._nights // 2)
            rows.append([words, *(share(estimate_share(count, total), 2) for count in counts)])
        return rows

    def pairs(self) -> list[list[str]]:
        rows = [["pairs", "runs", "one look stated", "no number stated", "ρ = 0.5, one look"]]
        for pairs in (2, 3, 4, 5, 6, 7, 8, 10, 12):
            least = [
                detectable(math.sqrt(2 * (1 - rho)), pairs, alpha)
                for rho, alpha in ((0, ALPHA), (0, alpha_of_look(1)), (0.5, ALPHA))
            ]
            rows.append([f"{pairs}", f"{2 * pairs}", *(f"{one:.2f} σ" for one in least)])
        return rows


def opposite(count: int, bits: Any) -> list[str]:
    """Draw the order of each first of two pairs; the second has the opposite one."""
    sides: list[str] = []
    while len(sides) < count:
        sides += ("baseline", "tip") if bits(1) else ("tip", "baseline")
    return sides[:count]


def count_grants(draw: Any, pairs: int, chunk: int, count: int) -> int:
    """Count the certificates that are granted to codes that do not differ, under AR(1) noise."""
    shipped = simulate.draw_orders
    try:
        simulate.draw_orders = draw or shipped
        chance = random.Random(f"{draw is None} {pairs} {chunk}")
        night = simulate._Night(Settings(noise="ar1"), chance)
        return sum(grant(night._gains(0.0, pairs), ALPHA).granted for _ in range(count))
    finally:
        simulate.draw_orders = shipped


# --- forms ----------------------------------------------------------------------------------------


def ratio(one: Estimate, other: Estimate) -> Estimate:
    """The ratio of two independent means, with its interval by the delta method."""
    value = one.value / other.value
    parts = [(each.high - each.value) / each.value for each in (one, other)]
    half = value * math.hypot(*parts)
    return Estimate(value, value - half, value + half)


def number(one: Estimate, digits: int, unit: str = "") -> str:
    half = one.high - one.value
    return f"{one.value:.{digits}f} ± {half:.{digits}f}{unit}" if half else f"{one.value:g}{unit}"


def share(one: Estimate, digits: int) -> str:
    value, low, high = (f"{100 * part:.{digits}f}" for part in one)
    return f"{value} % ({low} to {high})"


def table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


NAMES = ("limits", "gain", "claims", "salts", "margins", "orders", "pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", nargs="*", choices=[*NAMES, []], metavar="TABLE")
    parser.add_argument("--nights", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--write", action="store_true", help="into docs/selection.md")
    args = parser.parse_args()
    with Pool(args.jobs) as pool:
        bench = Bench(pool, args.nights)
        for name in args.tables or NAMES:
            text = table(getattr(bench, name)())
            print(f"{name}\n\n{text}", flush=True)
            if args.write:
                block = re.compile(rf"(<!-- simulated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
                page, count = block.subn(rf"\g<1>\n{text}\n\g<2>", PAGE.read_text("utf-8"))
                assert count == 1, f"docs/selection.md has no place for '{name}'"
                PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
