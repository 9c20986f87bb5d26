"""python -m bot, and the `tocsin` command."""

from __future__ import annotations

import sys

from bot.cli.app import program


def main() -> None:
    """Run the command line."""
    program(sys.argv[1] if len(sys.argv) > 1 else "")()


if __name__ == "__main__":
    main()
