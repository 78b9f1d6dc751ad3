"""Many experiments at once: candidates are commits, workers measure them, and one process records
them all."""
