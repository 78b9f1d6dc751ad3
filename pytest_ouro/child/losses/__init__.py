"""The judge's losses by row: how they are summed up, and the file that keeps them. Only the
standard library is imported, except by `slices`, which needs torch."""
