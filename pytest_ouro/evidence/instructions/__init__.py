"""What the instructions of a loop state that its evidence is judged by."""
