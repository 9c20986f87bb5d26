"""Looking for garbage among everything there is: now and then, in a moment when nobody waits.

Python does it by itself whenever enough has been made, which in a storm of 10,000 tickets is every two
seconds; each time the whole program stood still for 100 ms (measured), and so did whoever had typed a
command. What is young is still looked through as it comes, a few milliseconds at most.
"""

from __future__ import annotations

import gc

from core.clock import Clock
from core.courtesy import Courtesy

EVERY_S = 60.0
"""How often everything is looked through."""
NEVER = 1_000_000
"""So many looks at what is young before Python would look through everything by itself."""


async def tidy(clock: Clock, courtesy: Courtesy) -> None:
    """Look through everything every EVERY_S, instead of when Python would; until cancelled."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        while True:
            await clock.sleep(EVERY_S)
            await courtesy.make_room()
            gc.collect()
    finally:
        gc.set_threshold(young, middle, old)
