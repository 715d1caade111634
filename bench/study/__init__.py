"""Does selection pay? Every method on every set and condition, and what predicts a batch's usefulness."""
