"""Messages about what was done to data on the way in, in each language."""
