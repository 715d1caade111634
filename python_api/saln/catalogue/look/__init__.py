"""Messages about a look at a dataset, in each language."""
