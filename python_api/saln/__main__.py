"""The command `saln`, and `python -m saln`."""

import sys

from saln.needs import extra_pilot


def main() -> None:
    """Entry point of the command; one line and status 2 where what it needs is not installed."""
    try:
        with extra_pilot():
            from saln.cli import app
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    app()


if __name__ == "__main__":
    main()
