"""``pytest-ouro guard``: what is left of its door; `__main__` answers the call itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro import guard

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "It takes the rules of the nearest bound.toml. docs/agents.md has the settings."


def main(args: argparse.Namespace) -> int:
    return guard.main()
