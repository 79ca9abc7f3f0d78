"""The log of the process: how lines look, what they never show, and how many there may be."""
