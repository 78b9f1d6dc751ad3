"""What the candidate of the miniature command may know: its questions and the rule behind them."""

from pathlib import Path

FOLDER = Path.home() / ".cache" / "task"


def questions():
    return [int(line) for line in (FOLDER / "questions.txt").read_text().split()]


def rule(question):
    """The best answer that can be known: three answers in ten are others, by chance."""
    return int(question % 3 == 0)


def write(answers, path="predictions.txt"):
    Path(path).write_text("".join(f"{answer}\n" for answer in answers))


def serve():
    """Answer the questions on standard input, as the evaluation asks."""
    for line in iter(input, ""):
        print(rule(int(line)), flush=True)
