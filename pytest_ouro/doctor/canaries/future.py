"""Train a model that looks at the token that it must predict."""

from canary_model import Model, report, train
from prepare import VOCAB_SIZE
from torch.nn import functional


class Future(Model):
    def predict(self, x):
        seen = functional.one_hot(x[:, 1:], VOCAB_SIZE)
        return super().predict(x) + 8 * functional.pad(seen, (0, 0, 0, 1))


report(train(Future()))
