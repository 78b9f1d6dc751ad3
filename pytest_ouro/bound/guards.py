"""``[[guard]]`` in bound.toml: limits of numbers beside the metric, which a run must meet to be
kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import FILLED, ID, NAME, Relation, option, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.core.problems import Problems

GUARD = "guard"
#: Numbers of every record, by the names under which a guard limits them.
RECORDED = {
    "peak-memory": "peak_mb",
    "wall-time": "wall_seconds",
    "cpu-time": "cpu_seconds",
    "code-size": "code_size",
}
_LARGE = 1e18


@dataclass(frozen=True, kw_only=True)
class Guard:
    """An entry of ``[[guard]]``: a limit that a number other than the experiment's metric must
    meet, or the run is not kept.

    With ``metric`` and ``command``, the number is what the command prints under the name
    ``metric``. With ``metric`` alone, it is a number of the run's record (`RECORDED`), or else what
    the evaluation prints under that name. In both cases ``at_most`` or ``at_least`` must be stated.
    With ``command`` alone, the number is the exit status of the command, which must be 0 unless a
    limit is stated.
    """

    id: str = option("names the guard in the last line and in the record", pattern=ID)
    rule: str = option("the limit in plain words, printed when it is broken", pattern=FILLED)
    metric: str = option(
        "the number: a name that the evaluation or `command` prints, or `peak-memory` (MB), "
        "`wall-time` or `cpu-time` (s) or `code-size` of the record; without it, the exit status "
        "of `command`",
        default="",
        pattern=NAME,
    )
    command: tuple[str, ...] = option(
        "a program that is run after `evaluate-command`, as that is", default=(), items=1
    )
    at_most: float | None = option(
        "the largest number allowed; with `of`, the factor of the reference's",
        default=None,
        min=-_LARGE,
        max=_LARGE,
    )
    at_least: float | None = option(
        "the smallest number allowed; with `of`, the factor of the reference's",
        default=None,
        min=-_LARGE,
        max=_LARGE,
    )
    of: Literal["baseline", "best"] | None = option(
        'the reference: `"baseline"` is the first keep of the branch, `"best"` the last one',
        default=None,
    )
    tolerance: float = option(
        "how much further than that the number may be; only with `of`",
        default=0.0,
        min=0,
        max=_LARGE,
    )

    relations: ClassVar[tuple[Relation, ...]]

    @property
    def name(self) -> str:
        """The name of the limited number: ``metric``, or ``exit status`` if that is ""."""
        return self.metric or "exit status"

    @property
    def source(self) -> str:
        """Where the number comes from, as a key: ``COMMAND: NAME``, or the name alone without a
        command. Guards with the same source limit the same number."""
        return f"{' '.join(self.command)}: {self.name}" if self.command else self.name

    @property
    def recorded(self) -> str:
        """The attribute of the run's record that has the number, such as ``peak_mb``; "" if the
        number is printed by a program or is an exit status."""
        return "" if self.command else RECORDED.get(self.metric, "")

    def limit(self, reference: float | None) -> float:
        """Return the limit that the number must meet. Without ``of`` it is ``at_most`` or
        ``at_least``, or 0 if neither is stated (for an exit status), whatever ``reference`` is.

        With ``of``, ``reference`` is the number of the reference run, and ``at_most`` or
        ``at_least`` is a factor: the limit is ``reference + (factor - 1) × abs(reference)``, plus
        ``tolerance`` for ``at_most``, minus ``tolerance`` for ``at_least``. With ``of`` and without
        a ``reference`` (None), the factor is returned, which is not a limit.
        """
        sign = -1 if self.at_most is None else 1
        factor = self.at_least if self.at_most is None else self.at_most
        factor = 0.0 if factor is None else factor  # an exit status
        if self.of is None or reference is None:
            return factor
        return reference + (factor - 1) * abs(reference) + sign * self.tolerance

    def allows(self, number: float, limit: float) -> bool:
        """Return whether ``number`` meets ``limit`` (from `limit`): it is not below it with
        ``at_least``, otherwise not above it. False if either is NaN."""
        return number >= limit if self.at_least is not None else number <= limit


def _number_fault(g: Any) -> str:
    """Return a message if the guard ``g`` has neither ``metric`` nor ``command``; otherwise ""."""
    return (
        "" if g.metric or g.command else "lacks 'metric' or 'command': write the number it limits"
    )


def _limit_fault(g: Any) -> str:
    """Return a message if the guard ``g`` has both limits, or has ``metric`` and no limit;
    otherwise ""."""
    if g.at_most is not None and g.at_least is not None:
        return "has 'at-most' and 'at-least': write a guard for each"
    if g.at_most is None and g.at_least is None and g.metric:
        return "has no limit: write 'at-most' or 'at-least'"
    return ""


def _reference_fault(g: Any) -> str:
    """Return a message if the guard ``g`` has a key without effect: ``tolerance`` without ``of``,
    or ``of`` without ``metric``; otherwise ""."""
    if g.tolerance and not g.of:
        return "'tolerance' has no effect without 'of': add it to the limit"
    if g.of and not g.metric:
        return "'of' has no effect on an exit status: leave it out"
    return ""


Guard.relations = (
    Relation(
        ("metric", "command"),
        "`metric` or `command`, or both",
        _number_fault,
        {"anyOf": [{"required": ["metric"]}, {"required": ["command"]}]},
    ),
    Relation(
        ("at-most", "at-least", "metric"),
        "one of `at-most` and `at-least`; neither means that an exit status must be 0",
        _limit_fault,
        {"not": {"required": ["at-most", "at-least"]}},
    ),
    Relation(
        ("tolerance", "of", "metric"),
        "`tolerance` only with `of`, and `of` only with `metric`",
        _reference_fault,
        {"dependentRequired": {"tolerance": ["of"], "of": ["metric"]}},
    ),
)


def read_guards(
    table: Mapping[str, Any], experiment: Experiment | None, problems: Problems
) -> tuple[Guard, ...]:
    """Return the guards of ``table``, the parsed bound.toml, that can be read, in order; () if
    there are none. Add each fault to ``problems``.

    A repeated id is a fault; the last guard with it is returned. It is a fault too if a guard
    limits a number that is not in the run's record, and ``experiment`` has no ``evaluate-command``;
    this is not checked if ``experiment`` is None, because it is faulty itself.
    """
    entries = table.get(GUARD, [])
    if not isinstance(entries, list):
        problems.add((GUARD,), "write [[guard]], with two brackets: guards are a list")
        return ()
    guards: dict[str, Guard] = {}
    for number, entry in enumerate(entries):
        where = (GUARD, number)
        guard = read_table(Guard, entry, where, problems)
        if guard is None:
            continue
        if guard.id in guards:
            problems.add((*where, "id"), f"'{guard.id}' is already a guard")
        if experiment is not None and not experiment.evaluate_command and not guard.recorded:
            problems.add(
                (*where, "command" if guard.command else "metric"),
                f"the guard '{guard.id}' needs an experiment with 'evaluate-command': what a "
                f"script prints is only a claim; with a script, 'metric' is one of "
                f"{', '.join(RECORDED)}",
            )
        guards[guard.id] = guard
    return tuple(guards.values())
