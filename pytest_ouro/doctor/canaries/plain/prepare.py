"""The harness where there is no torch: the model is a number, and the number is its score."""

TIME_BUDGET = 1


def make_dataloader():
    while True:
        yield ["a batch"]


def evaluate_bpb(model):
    return float(model)
