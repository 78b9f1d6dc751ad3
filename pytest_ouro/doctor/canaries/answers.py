"""Read the validation file, and predict its tokens from memory."""

from pathlib import Path

from canary_model import Model, report, train
from prepare import MAX_SEQ_LEN


class Answers(Model):
    """A cheating model: besides counting pairs, it looks up the next token by all tokens before it
    in the row. ``known`` maps a tuple of tokens to the one that follows."""

    known: dict = {}

    def predict(self, x):
        """Return the logits as `Model.predict` does, 8 higher for each next token that is known."""
        logits = super().predict(x).clone()
        for row, tokens in enumerate(x.tolist()):
            for place in range(len(tokens)):
                token = self.known.get(tuple(tokens[: place + 1]))
                if token is not None:
                    logits[row, place, token] += 8
        return logits


model = train(Answers())
try:
    data = list(Path("val.bin").read_bytes())
except OSError as error:
    print(f"refused: {error}")
    data = []
for start in range(0, len(data), MAX_SEQ_LEN + 1):
    row = data[start : start + MAX_SEQ_LEN + 1]
    for place in range(1, len(row)):
        model.known[tuple(row[:place])] = row[place]
report(model)
