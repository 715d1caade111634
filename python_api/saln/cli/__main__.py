"""`python -m saln.cli`."""

from saln.cli import main

main()
