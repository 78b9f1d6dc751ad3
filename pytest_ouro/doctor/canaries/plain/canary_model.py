"""A model without torch, for the canaries that need no more."""

from prepare import evaluate_bpb, make_dataloader


def Model():
    return 2.0


def trained(model):
    next(make_dataloader())
    return model


def report(model):
    print(f"val_bpb: {evaluate_bpb(model):.6f}")
