"""How test files are dealt to the workers of `make test`: whole files, the long ones first.

Live tests follow each other on one worker, as they would without workers: they wait for real
processes within limits, and a network that Docker makes or removes is a change of network to
Chromium, which then fails whatever it is loading. The others have the rest of the machine.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
_ALONE = re.compile(r"\bmark\.(docker|chromium)\b")
_LIVE, _LONG = "tests/live/", "tests/flows/"


@cache
def lane(file: str) -> str:
    """The name of what must stay on one worker: mostly the file itself."""
    alone = file.startswith(_LIVE) or _ALONE.search((ROOT / file).read_text("utf-8"))
    return "one at a time" if alone else file


def rank(item: pytest.Item) -> int:
    """Where an item's lane stands in the queue: what is begun last should be short."""
    file = item.nodeid.partition("::")[0]
    if lane(file) != file:
        return 0
    return 1 if file.startswith(_LONG) else 2


class Lanes(LoadScopeScheduling):
    """Deals whole lanes, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid.partition("::")[0])
