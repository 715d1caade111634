"""The pilot: training on the user's data with and without selection, and what that shows."""
