"""python -m bot, and the `tocsin` command."""

from __future__ import annotations

import gc
import sys

from bot.cli.app import program


def main() -> None:
    """Run the command line."""
    # Nothing that is loaded here ever becomes garbage: looking for it while loading takes a tenth of
    # a second, and each later full collection would look through all of it again.
    gc.disable()
    run = program(sys.argv[1] if len(sys.argv) > 1 else "")
    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
