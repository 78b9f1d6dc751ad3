"""Choose a page for each visitor: A, the old one, or B."""

from pathlib import Path

from visitors import visitors


def page(visitor):
    """Show B to every second visitor."""
    return "AB"[visitor.number % 2]


if __name__ == "__main__":
    Path("pages.txt").write_text("".join(page(visitor) for visitor in visitors()))
