"""The function whose speed is measured."""


def window_sums(values, width):
    """Return the sum of each ``width`` neighbours."""
    return [sum(values[i : i + width]) for i in range(len(values) - width + 1)]
