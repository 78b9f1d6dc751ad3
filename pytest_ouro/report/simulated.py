"""Report simulated nights, as text for a person and as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.statistics.pairs import alpha_of_look, detectable
from pytest_ouro.experiment.verdict.simulate import EFFECTS
from pytest_ouro.experiment.verdict.summarise import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.experiment.verdict.simulate import Effects, Settings
    from pytest_ouro.experiment.verdict.summarise import Summary

_HEADINGS: Mapping[Effects, str] = {
    "none": "if nothing helps",
    "late": "if a little helps",
    "heavy": "if much helps",
}


class Simulated(NamedTuple):
    """Simulated nights: their settings, of which ``effects`` is not used, the seed, and the summary
    of each case. ``metric`` writes gains as text; None if they are in standard deviations of a run.
    ``source`` says in words where the noise comes from."""

    settings: Settings
    seed: int
    cases: Mapping[Effects, Summary]
    metric: Metric | None
    source: str

    @property
    def alpha(self) -> float:
        """The probability with which the certificate may be granted wrongly."""
        return alpha_of_look(1, stated=self.settings.looks or None)

    @property
    def detectable(self) -> float:
        """The gain that the certificate finds in four of five nights; inf for fewer than two
        pairs."""
        settings = self.settings
        spread = settings.sigma * math.sqrt(2 * (1 - settings.rho))
        return detectable(spread, settings.pairs, self.alpha)


def render(found: Simulated) -> list[str]:
    """Return the lines of the report: what is simulated, a row for each number with a column for
    each case, and how to read it. Numbers in parentheses are 95 % intervals."""
    settings = found.settings

    def gain(value: float) -> str:
        """Return a gain as text, with decimals that suit the noise of these nights."""
        return _gain(value, settings.sigma)

    rows: list[tuple[str, Callable[[Summary], str]]] = [
        ("changes kept", lambda one: _shown(one.kept, _count)),
        ("  in 95 % of nights", lambda one: f"{one.fewest} to {one.most}"),
        ("  of them without a gain", lambda one: _shown(one.false, _count)),
        ("gain that the search claims", lambda one: _shown(one.claimed, gain)),
        ("  of it true", lambda one: _shown(one.true, gain)),
    ]
    if settings.pairs:
        rows += [
            ("nights with a certificate", lambda one: _shown(one.granted, _percent)),
            ("  whose gain is too high by", lambda one: _shown(one.bias_granted, gain)),
            ("gain of the pairs, certified or", lambda one: ""),
            ("  not, is too high by", lambda one: _shown(one.bias, gain)),
        ]
    rows += [
        ("edits that pairs confirm singly", lambda one: _shown(one.confirmed, _count)),
        ("  of them without a gain", lambda one: _shown(one.falsely, _count)),
    ]
    if settings.placebo:
        kept = "placebos that would be kept"
        rows.append((kept, lambda one: _shown(one.placebos_kept, _percent)))
    table = [
        ["", *(_HEADINGS[case] for case in found.cases)],
        *([name, *(show(one) for one in found.cases.values())] for name, show in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return [*_header(found), "", *lines, "", *_footer(found)]


def _gain(value: float, sigma: float) -> str:
    """Return a gain with the decimals that show a hundredth of ``sigma``, and its sign; "0" if all
    digits are 0."""
    decimals = max(0, 2 - math.floor(math.log10(sigma)))
    text = f"{value:+.{decimals}f}"
    return text if float(text) else "0"


def _count(value: float) -> str:
    """Return a mean number with two decimals."""
    return f"{value:.2f}"


def _percent(value: float) -> str:
    """Return a share (1 is all) in percent, with one decimal and the sign: ``12.5 %``."""
    return f"{100 * value:.1f} %"


def _header(found: Simulated) -> list[str]:
    """Return the lines that say what was simulated."""
    settings = found.settings
    nights = next(iter(found.cases.values())).nights
    kind = f"ar1 with phi {settings.phi:g}" if settings.noise == "ar1" else settings.noise
    sigma = "1" if found.metric is None else found.metric.text(settings.sigma)
    unit = "noise (σ)" if found.metric is None else found.metric.name
    return [
        f"ouro: {nights} simulated nights of {settings.runs} runs, {2 * settings.pairs} of them "
        f"for a certificate of {settings.pairs} pairs; gains in {unit}",
        f"ouro: noise of a run σ = {sigma} ({found.source}), {kind}; runs on one salt share "
        f"{settings.rho:g} of it; margin {settings.rule.margin:g}, placebos {settings.placebo:g}",
    ]


def _footer(found: Simulated) -> list[str]:
    """Return the lines that say how to read the table."""
    settings, lines = found.settings, []
    if settings.pairs > 1:
        least = _gain(found.detectable, settings.sigma)
        lines.append(
            f"ouro: where nothing helps, a certificate is granted in {_percent(found.alpha)} of "
            f"nights at most; it finds a true gain of {least} in 4 of 5 nights"
        )
    for case in found.cases:
        share = EFFECTS[case]
        if case != "none":
            lines.append(
                f"ouro: {_HEADINGS[case]}: {100 * share.gain:g} % of the changes gain "
                f"{share.mean_gain} σ on average, {100 * share.hurt:g} % lose {share.mean_hurt} σ"
            )
    return lines


def _shown(estimate: Estimate, show: Callable[[float], str]) -> str:
    """Return an estimate as ``value (low to high)``, each as ``show`` writes it; the value alone if
    both ends are written alike, "-" if there was nothing to estimate it from."""
    if math.isnan(estimate.value):
        return "-"
    value, low, high = map(show, estimate)
    return f"{value} ({low} to {high})" if low != high else value


def to_json(found: Simulated) -> dict[str, object]:
    """Return simulated nights as a JSON object. Estimates have the keys ``value``, ``low`` and
    ``high``. A number is null if there was nothing to estimate it from, or if it is infinite."""
    settings = {
        key: value for key, value in vars(found.settings).items() if key not in ("rule", "effects")
    }
    settings["margin"] = found.settings.rule.margin
    return {
        "settings": settings,
        "seed": found.seed,
        "source": found.source,
        "unit": "sigma" if found.metric is None else found.metric.name,
        "alpha": found.alpha,
        "detectable": _number(found.detectable),
        "cases": {
            case: {name: _plain(value) for name, value in one._asdict().items()}
            for case, one in found.cases.items()
        },
    }


def _plain(value: Estimate | int) -> object:
    """Return a field of a summary as a value for JSON: an estimate as a dict, a count as it is."""
    if not isinstance(value, Estimate):
        return value
    return {key: _number(number) for key, number in value._asdict().items()}


def _number(value: float) -> float | None:
    """Return a number; None for one that JSON cannot hold, infinite or NaN."""
    return value if math.isfinite(value) else None
