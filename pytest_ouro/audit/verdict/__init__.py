"""Judge a past loop, weigh what was found, and say how far that reaches."""
