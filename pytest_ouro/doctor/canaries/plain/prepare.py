"""The harness of the canaries without torch: the score of a model is the model, a number."""

TIME_BUDGET = 1


def make_dataloader():
    while True:
        yield ["a batch"]


def evaluate_bpb(model):
    return float(model)
