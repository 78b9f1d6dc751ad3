"""Select the tests of a session by their cost: ``--tier 1`` (the default), ``2`` or ``3``.

``@pytest.mark.tier(2)`` or ``(3)`` is the lowest tier that runs a test; with ``tier(2, but=1)``
every tier runs the first case of a parametrized test. Of the marks of a test and of its parameters
the highest tier counts. A tier also sets how many examples hypothesis tries, and whether they are
new ones each time. One line at the end counts the tests that were left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Examples of a hypothesis test that states no number of its own, by tier.
EXAMPLES = {1: 30, 2: 100, 3: 1000}


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier",
        type=int,
        choices=tuple(EXAMPLES),
        default=1,
        help="run the tests of this tier and those below: 1 is quick, 3 is everything",
    )


def number_cases(items: list[pytest.Item]) -> dict[pytest.Item, int]:
    """Return the place, from 1 on, of each of these tests among the cases of its function."""
    cases: Counter[str] = Counter()
    found = {}
    for item in items:
        function = item.nodeid.partition("[")[0]
        cases[function] += 1
        found[item] = cases[function]
    return found


def tiers_of(items: list[pytest.Item]) -> dict[pytest.Item, int]:
    """Return the lowest tier that runs each of these tests."""
    return {
        item: max(
            [1, *(m.args[0] for m in item.iter_markers("tier") if case > m.kwargs.get("but", 0))]
        )
        for item, case in number_cases(items).items()
    }


def is_covered(item: pytest.Item, tier: int, case: int) -> bool:
    """Return whether coverage sees this test. It makes tests take half as long again, so that it is
    taken on those of tier 1, and not on what repeats them with other values."""
    repeats = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return tier == 1 and case == 1 and not repeats


@contextlib.contextmanager
def coverage_paused() -> Iterator[None]:
    """Let coverage see nothing for a while, if it is measured."""
    measure = getattr(sys.modules.get("coverage"), "Coverage", None)
    current = measure and measure.current()
    if current:
        current.stop()
    try:
        yield
    finally:
        if current:
            current.start()


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the children that it has waited for."""
    return sum(os.times()[:4])


class Tiers:
    """The plugin that deselects tests, and reports how many and what the session cost."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._tier: int = config.getoption("tier")
        self._left_out: Counter[int] = Counter()
        self._costs: Counter[str] = Counter()
        self._uncovered: set[pytest.Item] = set()
        with contextlib.suppress(ImportError):  # the tests of the wheel do without it
            from hypothesis import HealthCheck, settings

            settings.register_profile(
                "tier",
                max_examples=EXAMPLES[self._tier],
                deadline=None,
                # Tier 3 searches; below it the same commit gives the same result each time.
                derandomize=self._tier < 3,
                suppress_health_check=[HealthCheck.too_slow],  # depends on the machine's load
            )
            settings.load_profile("tier")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        tiers, cases = tiers_of(items), number_cases(items)
        above = [item for item in items if tiers[item] > self._tier]
        self._left_out.update(tiers[item] for item in above)
        if above:
            self._config.hook.pytest_deselected(items=above)
            items[:] = [item for item in items if tiers[item] <= self._tier]
        self._uncovered = {i for i in items if not is_covered(i, tiers[i], cases[i])}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        began = cpu_seconds()
        with coverage_paused() if item in self._uncovered else contextlib.nullcontext():
            done = yield
        self._costs[item.nodeid] += cpu_seconds() - began
        return done

    def pytest_sessionfinish(self) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["tiers"] = (dict(self._left_out), dict(self._costs))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take over the counts of an xdist worker; each worker collects all tests."""
        left_out, costs = getattr(node, "workeroutput", {}).get("tiers", ({}, {}))
        self._left_out |= Counter({int(tier): count for tier, count in left_out.items()})
        self._costs.update(costs)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left_out:
            counts = " and ".join(
                f"{count} of tier {tier}" for tier, count in sorted(self._left_out.items())
            )
            terminalreporter.write_line(
                f"tier {self._tier}: left out {counts} (--tier {max(self._left_out)} runs them too)"
            )
        if self._costs and self._config.option.durations is not None:
            self._tell_costs(terminalreporter)

    def _tell_costs(self, terminalreporter: pytest.TerminalReporter) -> None:
        """With ``--durations N``: list the N tests that took most CPU time, which is independent of
        the load."""
        count = self._config.option.durations or len(self._costs)
        terminalreporter.section(f"CPU seconds: {sum(self._costs.values()):.0f}")
        for name, seconds in self._costs.most_common(count):
            terminalreporter.write_line(f"{seconds:8.2f} {name}")
