"""Which PD endpoint to ask, when to ask the next, and what a failed search means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from core.clients.failures import (
    Garbled,
    Kind,
    Leaderless,
    PdFailed,
    PdGarbled,
    PdHangs,
    PdNoLeader,
    PdNotBootstrapped,
    PdRefused,
    PdUncertain,
    PdUnreachable,
    SourceFailed,
    quote,
)
from core.clients.http import CONNECTING, Http, Reply, endpoint_of
from core.clock import Clock

T = TypeVar("T")
Understand = Callable[[Reply], Awaitable[T]]

# A PD member answers in milliseconds or, without a leader, after 3 s: after this long without an
# answer the next endpoint is asked as well.
PATIENCE_S = 1.0
_CODE = re.compile(r"\s*\[?(PD:[\w:]+)\]")
_NO_LEADER = ("ErrRedirect", "ErrLeaderNil", "ErrEtcdGetLeader", "no leader", "dial tcp")


class PdTransport:
    """Requests to whichever member answers; stays with the one that answered last."""

    def __init__(self, endpoints: Sequence[str], clock: Clock, http: Http) -> None:
        self.endpoints = tuple(endpoints)
        self._clock = clock
        self._http = http
        self._first = 0

    @property
    def preferred(self) -> str:
        """The endpoint that is asked first."""
        return self.endpoints[self._first]

    async def read(self, path: str, *, max_bytes: int | None = None) -> Reply:
        """A good answer to a GET from whichever endpoint has one, or a PdFailed."""
        return await self.understood(path, _as_it_is, max_bytes=max_bytes)

    async def understood(
        self, path: str, understand: Understand[T], *, max_bytes: int | None = None
    ) -> T:
        """What `understand` makes of a good answer; Garbled from it moves on like any failure.

        An endpoint that stays silent for a second is not waited for alone: the next is asked
        meanwhile, and the first good answer counts.
        """
        failures: list[SourceFailed] = []
        left = self._order()
        asked: dict[asyncio.Future[T], int] = {}
        try:
            while True:
                if (number := next(left, None)) is not None:
                    url = self.endpoints[number]
                    work = self._ask(url + path, understand, max_bytes)
                    asked[asyncio.ensure_future(work)] = number
                elif not asked:
                    raise given_up(failures)
                for done in await self._some(asked, patient=number is not None):
                    number = asked.pop(done)
                    try:
                        answer = done.result()
                    except SourceFailed as error:
                        failures.append(error)
                    else:
                        self._first = number
                        return answer
        finally:
            await _drop(asked)

    async def change(self, method: str, path: str, body: object | None = None) -> Reply:
        """Send a change to one endpoint after the other until one took it.

        Another is tried only when the first cannot have passed it on; PdUncertain if no answer came
        to what was sent.
        """
        payload = None if body is None else msgspec.json.encode(body)
        failures: list[SourceFailed] = []
        for number in self._order():
            url = self.endpoints[number]
            try:
                reply = await self._http.request(
                    method, url + path, body=payload, headers={"Content-Type": "application/json"}
                )
                judge(reply)
            except SourceFailed as error:
                failures.append(error)
                if _may_have_run(error):
                    text = f"PD may or may not have done it: {error.text}. Read back first."
                    raise PdUncertain(text, failures) from None
            else:
                self._first = number
                return reply
        raise given_up(failures)

    def _order(self) -> Iterator[int]:
        many, first = len(self.endpoints), self._first
        return ((first + step) % many for step in range(many))

    async def _ask(self, url: str, understand: Understand[T], max_bytes: int | None) -> T:
        reply = await self._http.get(url, max_bytes=max_bytes)
        judge(reply)
        return await understand(reply)

    async def _some(
        self, asked: dict[asyncio.Future[T], int], *, patient: bool
    ) -> set[asyncio.Future[T]]:
        """Those that ended; with `patient`, none if a second passed first."""
        if not patient or len(self.endpoints) == 1:
            return (await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED))[0]
        bell = asyncio.ensure_future(self._clock.sleep(PATIENCE_S))
        try:
            every: set[asyncio.Future[Any]] = {bell, *asked}
            await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
        finally:
            bell.cancel()
        return {one for one in asked if one.done()}


async def _as_it_is(reply: Reply) -> Reply:
    return reply


async def _drop(asked: dict[asyncio.Future[T], int]) -> None:
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


def judge(reply: Reply) -> None:
    """Nothing for a 2xx; SourceFailed where another endpoint may do better; else a PdFailed."""
    status = reply.status
    if 200 <= status < 300:
        return
    where, said, is_json = endpoint_of(reply.url), _words(reply), _is_json(reply)
    foreign = "html" in reply.content_type  # a proxy's page: PD has none
    if not foreign and (
        status == 503 or (status == 500 and any(one in said for one in _NO_LEADER))
    ):
        raise Leaderless(where, said, status=status, sent="ErrRedirect]" in said)
    if "ErrNotBootstrapped" in said:
        text = f"PD at {where} runs, but no TiKV has ever joined it: start TiKV first."
        raise PdNotBootstrapped(text)
    if 300 <= status < 400 or foreign:
        raise Garbled(where, f"not a PD: {said}", status=status)
    if status == 429 or (status >= 500 and not is_json):
        raise SourceFailed(where, Kind.HTTP_ERROR, said, status=status)
    found = _CODE.match(said)
    text = f"PD at {where} refused (HTTP {status}): {quote(said)}"
    raise PdRefused(text, status=status, code=found[1] if found else "", said=said)


def _is_json(reply: Reply) -> bool:
    return reply.content_type == "application/json"


def _words(reply: Reply) -> str:
    """What an error body says, at most 200 cleaned characters: a string, an object or text."""
    if not _is_json(reply) or len(reply.body) > 65_536:
        return quote(reply.body)
    try:
        thing = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return quote(reply.body)
    if isinstance(thing, dict):
        return quote(str(thing.get("msg") or thing.get("error") or thing.get("data") or thing))
    return quote(str(thing)) if thing is not None else ""


def _may_have_run(error: SourceFailed) -> bool:
    """Whether a change that failed so can have reached the leader all the same."""
    if isinstance(error, Leaderless):
        return error.sent
    if error.kind is Kind.TIMEOUT:
        return not error.detail.startswith(CONNECTING)
    return error.kind in (Kind.RESET, Kind.GARBLED, Kind.TOO_BIG) or error.status >= 500


def given_up(failures: Sequence[SourceFailed]) -> PdFailed:
    """The one failure that all endpoints together amount to."""
    told = "; ".join(one.text for one in failures[:5])
    if any(isinstance(one, Leaderless) for one in failures):
        return PdNoLeader(f"PD has no leader: {told}", failures)
    kinds = {one.kind for one in failures}
    if kinds & {Kind.GARBLED, Kind.TOO_BIG}:
        return PdGarbled(f"PD's answer cannot be read: {told}", failures)
    if Kind.HTTP_ERROR in kinds:
        status = next(one.status for one in failures if one.kind is Kind.HTTP_ERROR)
        return PdRefused(f"PD answers with an error: {told}", failures, status=status)
    if Kind.TIMEOUT in kinds:
        return PdHangs(f"PD does not answer: {told}", failures)
    return PdUnreachable(f"PD cannot be reached: {told}", failures)
