"""What every canary of a command knows: the questions, and the rule that most answers follow."""

from pathlib import Path


def predict():
    questions = Path("questions.txt").read_text().split()
    return [str(int(int(question) % 3 == 0)) for question in questions]


def write(predictions):
    Path("predictions.txt").write_text("\n".join(predictions))
