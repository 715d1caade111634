"""The kernel and its parts, in Triton's language: importing them loads Triton."""
