"""Select the tests of a session by their cost: ``--tier 1`` (the default), ``2`` or ``3``.

``@pytest.mark.tier(2)`` or ``(3)`` is the lowest tier that runs a test; with ``tier(2, but=1)``
every tier runs the first case of a parametrized test. A tier also sets how many examples hypothesis
tries, and whether they are new ones each time. One line at the end counts the tests that were left
out.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter

import pytest

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


def tiers_of(items: list[pytest.Item]) -> dict[pytest.Item, int]:
    """Return the lowest tier that runs each of these tests."""
    cases: Counter[str] = Counter()
    found = {}
    for item in items:
        mark = item.get_closest_marker("tier")
        function = item.nodeid.partition("[")[0]
        cases[function] += 1
        is_rest = mark is not None and cases[function] > mark.kwargs.get("but", 0)
        found[item] = int(mark.args[0]) if mark and is_rest else 1
    return found


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
        tiers = tiers_of(items)
        above = [item for item in items if tiers[item] > self._tier]
        self._left_out.update(tiers[item] for item in above)
        if above:
            self._config.hook.pytest_deselected(items=above)
            items[:] = [item for item in items if tiers[item] <= self._tier]
        for item in items:
            if tiers[item] > 1:  # coverage is what the tests of tier 1 cover: it costs a third more
                item.add_marker("no_cover")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        began = cpu_seconds()
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
