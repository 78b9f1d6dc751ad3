"""What every canary of a command knows: the questions, and the rule that most answers follow."""

from pathlib import Path


def predict():
    """Return the prediction for each question, a number, in questions.txt of the current folder,
    by the rule: "1" if the number is divisible by 3, else "0"."""
    questions = Path("questions.txt").read_text().split()
    return [str(int(int(question) % 3 == 0)) for question in questions]


def write(predictions):
    """Write the predictions to predictions.txt, where the evaluation reads them, one a line."""
    Path("predictions.txt").write_text("\n".join(predictions))
