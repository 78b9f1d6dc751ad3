"""Decide which page each visitor sees: A, the old one, or B."""

from pathlib import Path

from visitors import visitors


def page(visitor):
    """Half of them, whoever they are."""
    return "AB"[visitor.number % 2]


if __name__ == "__main__":
    Path("pages.txt").write_text("".join(page(visitor) for visitor in visitors()))
