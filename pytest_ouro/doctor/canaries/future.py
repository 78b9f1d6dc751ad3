"""Train a model that looks at the token that it must predict."""

from canary_model import Model, report, train
from prepare import VOCAB_SIZE
from torch.nn import functional


class Future(Model):
    """A cheating model: it reads each next token from the row that it is given."""

    def predict(self, x):
        """Return the logits as `Model.predict` does, 8 higher for the token that follows in
        ``x``."""
        seen = functional.one_hot(x[:, 1:], VOCAB_SIZE)
        return super().predict(x) + 8 * functional.pad(seen, (0, 0, 0, 1))


report(train(Future()))
