"""The model of the canaries without torch: a number, which is its own score."""

from prepare import evaluate_bpb, make_dataloader


def Model():
    """Return an untrained model: the number 2."""
    return 2.0


def train(model):
    """Take one batch, which starts the clock of the run, and return the model unchanged."""
    next(make_dataloader())
    return model


def report(model):
    """Evaluate the model once, and print its score with six decimals, as in ``val_bpb:
    2.000000``."""
    print(f"val_bpb: {evaluate_bpb(model):.6f}")
