"""How test files are dealt to the workers of `make test`: whole files, the long ones first.

Tests of containers and tests in a browser follow each other on one worker: a network that Docker
makes or removes is a change of network to Chromium, which then fails whatever it is loading.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
_ALONE = re.compile(r"\bmark\.(docker|chromium)\b")
# Which folders wait longest: what is begun last should be short.
_FIRST = ("tests/live/", "tests/bot/local/page/", "tests/flows/")


@cache
def lane(file: str) -> str:
    """The name of what must stay on one worker: mostly the file itself."""
    return "one at a time" if _ALONE.search((ROOT / file).read_text("utf-8")) else file


def rank(item: pytest.Item) -> tuple[bool, int]:
    """Where an item's lane stands in the queue."""
    file = item.nodeid.partition("::")[0]
    place = next((n for n, one in enumerate(_FIRST) if file.startswith(one)), len(_FIRST))
    return lane(file) == file, place


class Lanes(LoadScopeScheduling):
    """Deals whole lanes, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid.partition("::")[0])
