"""The model of the canaries without torch: a number, which is its own score."""

from prepare import evaluate_bpb, make_dataloader


def Model():
    return 2.0


def train(model):
    next(make_dataloader())
    return model


def report(model):
    print(f"val_bpb: {evaluate_bpb(model):.6f}")
