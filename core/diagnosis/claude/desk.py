"""Carries out what Claude asks for: reads the evidence, asks live sources, and files what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.clock import within
from core.diagnosis.claude import fence, tools
from core.diagnosis.claude.plain import quiet
from core.diagnosis.claude.task import Live, Means, Task
from core.diagnosis.claude.tools import Call
from core.diagnosis.model import Piece, Query, Snapshot, bounded
from core.diagnosis.pieces import clean
from core.errors import Invalid, TocsinError

TOOL_S = 6.0
"""How long one tool may take, seconds."""
MAX_HITS = 20
MAX_ROWS = 200
_AROUND = 100
_HEAD, _TAIL = 4_000, 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool answered, and in a few words (ours) what was looked at."""

    text: str
    looked_at: str
    failed: bool = False


class Desk:
    """The evidence of one diagnosis, as it grows."""

    def __init__(self, task: Task, means: Means, added: tuple[Piece, ...] = ()) -> None:
        self.snapshot = task.snapshot
        self.added = added
        self._live = means.live
        self._clock = means.clock
        self._secrets = means.settings.hidden
        self._first = task.snapshot
        self._asked: set[Call] = set()
        self.repeats = 0

    async def carry_out(self, name: str, given: Any) -> Told:
        """The answer to one call; an error is an answer, too."""
        try:
            call = tools.parse(name, given, self._live)
            if call in self._asked:
                self.repeats += 1
                raise Invalid("You have asked exactly this before; its answer stands above.")
            self._asked.add(call)
            said, looked_at = await self._answer(call)
        except TocsinError as error:
            return Told(fence.data(error.text, self._secrets), "", True)
        return Told(fence.fenced("answer", fence.mark(self._first), said), looked_at)

    async def _answer(self, call: Call) -> tuple[str, str]:
        # In threads: the evidence is large, and all of it is searched for secrets.
        if isinstance(call, tools.ListPieces):
            return await asyncio.to_thread(self._list, call), "the list of evidence"
        if isinstance(call, tools.ReadPiece):
            piece = self._piece(call.evidence)
            return await asyncio.to_thread(self._read, piece, call.offset), self._name(piece)
        if isinstance(call, tools.SearchPieces):
            return await asyncio.to_thread(self._search, call), "all pieces, for a text"
        piece = await self._ask(call)
        return self._read(piece, 0), f"live: {self._name(piece)}"

    @staticmethod
    def _name(piece: Piece) -> str:
        return f"{piece.id}, {piece.kind} of {piece.entity}"

    def _piece(self, name: str) -> Piece:
        piece = self.snapshot.by_id.get(name)
        if piece is None:
            raise Invalid(f"There is no piece {name[:40]!r}.")
        return piece

    def _list(self, call: tools.ListPieces) -> str:
        found = [
            fence.told(one)
            for one in self.snapshot.pieces
            if call.kind in (*tools.ANY, one.kind) and call.entity in (*tools.ANY, one.entity)
        ]
        page = found[call.offset : call.offset + MAX_ROWS]
        rest = max(len(found) - call.offset - len(page), 0)
        return self._data({"pieces": page, "of": len(found), "more_after_these": rest})

    def _read(self, piece: Piece, offset: int) -> str:
        head = {**fence.told(piece), "at": piece.at, "window": list(piece.window)}
        if not piece.ok:
            return self._data(head)
        return f"{self._data(head)}\n{portion(self._content(piece), piece.id, offset)}"

    def _content(self, piece: Piece) -> str:
        return self._data(piece.content)

    def _data(self, thing: Any) -> str:
        return fence.data(thing, self._secrets)

    def _search(self, call: tools.SearchPieces) -> str:
        if not call.text.strip():
            raise Invalid("Say what to look for.")
        hits = []
        for one in self.snapshot.pieces:
            if call.kind in (*tools.ANY, one.kind) and one.ok:
                hits += [{"evidence": one.id, **hit} for hit in self._hits(one, call.text)]
            if len(hits) >= MAX_HITS:
                break
        return self._data({"hits": hits[:MAX_HITS], "there_may_be_more": len(hits) >= MAX_HITS})

    def _hits(self, piece: Piece, wanted: str) -> Iterator[dict[str, Any]]:
        said = self._content(piece)
        low, looked_for, start = said.lower(), wanted.lower(), 0
        for _ in range(5):
            at = low.find(looked_for, start)
            if at < 0:
                return
            around = said[max(at - _AROUND, 0) : at + len(looked_for) + _AROUND]
            yield {"offset": at, "around": around}
            start = at + len(looked_for) + _AROUND

    async def _ask(self, call: Call) -> Piece:
        live = self._live
        assert live is not None  # parse has refused such a call without live sources
        if len(self.added) >= tools.MAX_LIVE:
            raise Invalid(f"That is enough of the live cluster: {tools.MAX_LIVE} answers.")
        query, entity, minutes = _query(call, live, tools.names(self.snapshot, live))
        now = self._clock.now().timestamp()
        window = (now - minutes * 60.0, now)
        try:
            found = await within(self._clock, TOOL_S, live.ask(query, entity, window))
        except TimeoutError:
            raise Invalid(f"No answer within {TOOL_S:g} s.") from None
        return self._file(found)

    def _file(self, found: Piece) -> Piece:
        """The live answer as a piece of the evidence, under a name of its own."""
        named = replace(
            found,
            id=f"q{len(self.added) + 1}",
            source=clean(found.source),
            content=clean(found.content),
            error=clean(found.error),
        )
        kept, _ = bounded([named])
        if not kept:
            raise Invalid("The answer is too big to keep.")
        self.added = (*self.added, kept[0])
        self.snapshot = grown(self.snapshot, kept[0])
        return kept[0]


def grown(snapshot: Snapshot, piece: Piece) -> Snapshot:
    """The snapshot with one piece more at its end."""
    return replace(snapshot, pieces=(*snapshot.pieces, piece))


def _query(call: Call, live: Live, entities: tuple[str, ...]) -> tuple[Query, str, int]:
    if isinstance(call, tools.AskPd):
        if not tools.allowed(call.path, live.pd_paths):
            raise Invalid("That path may not be read; the tool's description lists what may.")
        return Query("pd", call.path), "pd", 0
    if not isinstance(call, tools.AskPrometheus | tools.FilterLog):
        raise Invalid("That cannot be asked of the live cluster.")
    if call.entity not in entities:
        raise Invalid(f"There is no {call.entity[:60]!r}.")
    if not quiet(call.query if isinstance(call, tools.AskPrometheus) else call.text):
        raise Invalid("Links, mentions and control characters may not stand in what is asked.")
    if isinstance(call, tools.AskPrometheus):
        if not call.query.strip():
            raise Invalid("The query is empty.")
        named = dict(live.readings).get(call.query.strip(), call.query)
        return Query("promql", named), call.entity, call.minutes
    return Query("log", call.text), call.entity, call.minutes


def portion(said: str, name: str, offset: int) -> str:
    """A part of a long text that says where the rest is."""
    if offset == 0 and len(said) > tools.PAGE:
        hidden = len(said) - _HEAD - _TAIL
        gap = f"\n[{hidden} characters left out here: {name} from offset {_HEAD}]\n"
        return said[:_HEAD] + gap + said[-_TAIL:]
    part = said[offset : offset + tools.PAGE]
    rest = len(said) - offset - len(part)
    if rest > 0:
        return f"{part}\n[{rest} characters more: {name} from offset {offset + len(part)}]"
    return part if part or not offset else f"[there are only {len(said)} characters]"
