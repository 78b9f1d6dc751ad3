"""The harness of the canaries without torch: the score of a model is the model, a number."""

TIME_BUDGET = 1


def make_dataloader():
    """Yield batches without end, each of which is a list of one text."""
    while True:
        yield ["a batch"]


def evaluate_bpb(model):
    """Return the score of a model, which is the model itself as a number."""
    return float(model)
