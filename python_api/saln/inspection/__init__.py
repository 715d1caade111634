"""One look at a dataset: labels that are probably wrong, copies, outliers. It knows tensors, and no method."""
