"""Read what autoresearch.toml states: the settings of a session, where a tool keeps them."""

from __future__ import annotations

from pytest_ouro.onboarding.discover.prose import Prose

#: The file of the settings.
NAME = "autoresearch.toml"
#: A line that has a number and nothing else, as an ``eval_command`` of autoresearch.toml prints.
_BARE = r"regex:^\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*$"


def read(table: dict[str, object]) -> Prose:
    """Return what autoresearch.toml states, as a `Prose`; ``table`` is the whole file. It may have
    ``eval_command``, ``target_file``, ``metric_name``, ``metric_direction``,
    ``time_budget_seconds``, and in its table ``bounds`` the two bounds beyond which a value is
    implausible. What it lacks, or states in another type, has no effect. The metric is looked for
    as a number alone on its line."""

    def text(key: str) -> str:
        value = table.get(key)
        return value if isinstance(value, str) else ""

    def number(value: object) -> float | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else None  # type: ignore[arg-type]

    limit = number(table.get("time_budget_seconds"))
    bounds = table.get("bounds")
    edges = bounds if isinstance(bounds, dict) else {}
    pair = (number(edges.get("implausible_below")), number(edges.get("implausible_above")))
    return Prose(
        file=NAME,
        commands=tuple(filter(None, [text("eval_command")])),
        metrics=tuple(filter(None, [text("metric_name")])),
        editable=tuple(filter(None, [text("target_file")])),
        limit=limit if limit and limit > 0 else None,
        text=f"direction: {text('metric_direction')}",
        metric_from=_BARE,
        plausible=tuple(edge for edge in pair if edge is not None) if None not in pair else (),
    )
