"""Write the comparisons that sort 16 numbers, each as a pair of places, in their order."""

from pathlib import Path

PLACES = 16


def comparisons():
    """Bubble sort: the largest number rises to its place, then the next one."""
    for end in range(PLACES - 1, 0, -1):
        for place in range(end):
            yield place, place + 1


if __name__ == "__main__":
    lines = [f"{low} {high}\n" for low, high in comparisons()]
    Path("network.txt").write_text("".join(lines))
    print(f"comparisons: {len(lines)}")
