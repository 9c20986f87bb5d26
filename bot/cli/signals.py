"""Ending cleanly on Ctrl-C and on a service manager's TERM."""

from __future__ import annotations

import asyncio
import signal


def stopped_by_signal() -> asyncio.Event:
    """An event that INT or TERM sets; a second one ends the process the hard way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return stop
