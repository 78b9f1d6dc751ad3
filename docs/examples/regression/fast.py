"""The function whose speed is watched."""


def window_sums(values, width):
    """The sum of each ``width`` neighbours."""
    return [sum(values[i : i + width]) for i in range(len(values) - width + 1)]
