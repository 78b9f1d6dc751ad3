"""Decorators that add a history to the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ledger import Style
from .model import REGISTRY, Flow, History
from .projects import LM

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Loop
    from .model import Word
    from .projects import Project


def _define(
    name: str,
    honest: bool,
    words: str,
    project: Project,
    flow: Flow,
    style: Style | None,
    traits: str,
    where: str,
) -> Callable[[Callable[[Loop], None]], Callable[[Loop], None]]:
    def add(script: Callable[[Loop], None]) -> Callable[[Loop], None]:
        part = script.__module__.split(".")[-2]
        split: tuple[Word, ...] = tuple(words.split())  # type: ignore[arg-type]
        REGISTRY.add(
            History(
                name,
                honest,
                project,
                flow,
                style or Style(),
                tuple(trait.strip() for trait in traits.split(",")),
                split,
                script,
                where,
                part,
            )
        )
        return script

    return add


def honest(
    name: str,
    traits: str,
    *,
    flow: Flow = Flow(),  # noqa: B008 - frozen
    style: Style | None = None,
    project: Project = LM,
    warns: str = "",
    where: str = ".",
) -> Callable[[Callable[[Loop], None]], Callable[[Loop], None]]:
    """A history without an error; ``warns`` has the words of the warnings that are right."""
    return _define(name, True, warns, project, flow, style, traits, where)


def guilty(
    name: str,
    words: str,
    traits: str,
    *,
    flow: Flow = Flow(),  # noqa: B008 - frozen
    style: Style | None = None,
    project: Project = LM,
    where: str = ".",
) -> Callable[[Callable[[Loop], None]], Callable[[Loop], None]]:
    """A history with planted facts, some of which are errors."""
    return _define(name, False, words, project, flow, style, traits, where)
