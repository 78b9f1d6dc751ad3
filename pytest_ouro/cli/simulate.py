"""``pytest-ouro simulate``: what a night with these settings would claim, if nothing helped and if
a little did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, get_args

from pytest_ouro.bound.read import read
from pytest_ouro.cli import find_bound
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core.escape import escape_json
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.limits import MOST_PAIRS, PAIRS
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.verdict.simulate import Effects, NoiseKind, Settings, simulate_nights
from pytest_ouro.experiment.verdict.summarise import summarise
from pytest_ouro.messages import selection as messages
from pytest_ouro.report.simulated import Simulated, render, to_json

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_ouro.bound.tables import VerdictRule


class _Noise(NamedTuple):
    """The noise that a simulation assumes: the standard deviation of a run, None if it is not
    known; and in words where it comes from."""

    sigma: float | None
    source: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``simulate`` to its parser."""

    def number(name: str, help: str, default: float | None = None) -> None:
        parser.add_argument(name, type=float, metavar="X", default=default, help=help)

    def count(name: str, help: str, default: int) -> None:
        parser.add_argument(
            name, type=int, metavar="N", default=default, help=f"{help} ({default})"
        )

    count("--tries", "runs of a night, with those of the certificate", 120)
    number("--sigma", "standard deviation of a run (from bound.toml or the records; else 1)")
    number("--rho", "part of its variance that two codes share on one salt", 0.0)
    count("--pairs", "pairs of the certificate", PAIRS)
    count("--looks", "certificates that are stated before the first, 0 for none", 0)
    number("--placebo", "part of the runs that are placebos (from bound.toml)")
    parser.add_argument(
        "--effects", choices=get_args(Effects), help="only one case (none, and late)"
    )
    parser.add_argument(
        "--noise",
        choices=get_args(NoiseKind),
        default="gaussian",
        help="distribution of the noise (gaussian)",
    )
    number("--phi", "with --noise ar1: correlation with the run before (0.5)", 0.5)
    count("--nights", "nights to simulate", 500)
    count("--seed", "seed of the simulation", 0)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def main(args: argparse.Namespace) -> int:
    """Simulate nights with the ``[verdict]`` of bound.toml, and print what they claim. Return 0;
    OuroError if a number is out of its range, or if the rules or the records cannot be read."""
    path = find_bound(args.bound)
    bound = read(path.read_bytes(), path.name)
    device = bound.experiment.device
    profile = devices.choose("auto") if device == "auto" else device
    rule, metric = bound.verdicts[profile], bound.experiment.described_metric
    noise = _find_noise(path, rule, metric.name, profile)
    known = noise.sigma
    if args.sigma is not None:
        noise = noise._replace(sigma=args.sigma, source="--sigma")
        known = args.sigma if rule.noise == "auto" else known
    settings = Settings(
        runs=args.tries,
        sigma=1.0 if noise.sigma is None else noise.sigma,
        rho=args.rho,
        pairs=args.pairs,
        looks=args.looks,
        placebo=rule.placebo if args.placebo is None else args.placebo,
        noise=args.noise,
        phi=args.phi,
        known=known,
        rule=rule,
    )
    _demand_usable(settings, args.nights)
    cases: tuple[Effects, ...] = (args.effects,) if args.effects else ("none", "late")
    summaries = {
        case: summarise(simulate_nights(replace(settings, effects=case), args.nights, args.seed))
        for case in cases
    }
    shown = None if noise.sigma is None else metric
    found = Simulated(settings, args.seed, summaries, shown, noise.source)
    if args.json:
        say_document(escape_json(json.dumps(to_json(found), ensure_ascii=False)))
    else:
        say(*render(found))
    return 0


def _find_noise(bound: Path, rule: VerdictRule, metric: str, device: str) -> _Noise:
    """Return the noise by which runs are decided here: that of the ``rule`` in the file ``bound``,
    if it is a number, else that of the last calibration, else that of the last run whose record has
    one; without one, it is not known. Only records of the ``metric`` on the profile ``device``
    count. Raise RecordError if the journal cannot be read."""
    if rule.noise != "auto":
        return _Noise(rule.noise, bound.name)
    journal = find_place(Git.discover(bound.parent)).journal
    for one in reversed(journal.statements()):
        ours = one.event == "calibration" and (one.metric_name, one.device) == (metric, device)
        if ours and one.sd:
            return _Noise(one.sd, "the last calibration")
    for run in reversed(journal.runs()):
        if run.noise and (run.metric_name, run.device) == (metric, device):
            return _Noise(run.noise, "the last run's record")
    return _Noise(None, "not known yet, so that gains are given in it")


def _demand_usable(settings: Settings, nights: int) -> None:
    """Raise OuroError for the first number that is out of its range, or if a night has fewer than
    two runs beside those of the certificate."""
    share, pairs, looks = "from 0 to below 1", settings.pairs, settings.looks
    for option, value, fits, range, example in (
        ("--nights", nights, nights >= 1, "1 or more", 500),
        (
            "--pairs",
            pairs,
            pairs == 0 or 2 <= pairs <= MOST_PAIRS,
            f"0, or from 2 to {MOST_PAIRS}",
            5,
        ),
        ("--looks", looks, 0 <= looks <= MOST_PAIRS, f"from 0 to {MOST_PAIRS}", 1),
        ("--sigma", settings.sigma, 0 < settings.sigma <= 1e18, "above 0, at most 1e18", 0.01),
        ("--rho", settings.rho, 0 <= settings.rho < 1, share, 0.5),
        ("--placebo", settings.placebo, 0 <= settings.placebo < 1, share, 0.04),
        ("--phi", settings.phi, -1 < settings.phi < 1, "between -1 and 1", 0.5),
    ):
        if not fits:
            raise messages.unusable_number(option, value, range, example)
    reserved = 2 * pairs
    if settings.runs < reserved + 2:
        enough = max(reserved + 2, 20)
        raise messages.too_few_tries(settings.runs, pairs, reserved, enough)
