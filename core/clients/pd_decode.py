"""PD's bodies into records: strict and fast first, forgiving per field and per entry second.

Reading holds the interpreter, so long lists are read in slices between which others may run:
10,000 stores in one piece would stop the event loop for 23 ms.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from core.clients.failures import Garbled, quote
from core.clients.http import Reply, endpoint_of
from core.clients.pd_region import Region, Regions
from core.clients.pd_store import Store, Stores
from core.clock import Clock

T = TypeVar("T")
SLICE_BYTES = 1024 * 1024
_MAX_NOTES = 10


def decode(reply: Reply, kind: type[T]) -> T:
    """One record; Garbled if the body is not JSON or nothing like it."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.ValidationError:
        return _forgiving(reply, kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise not_json(reply, error) from None


def not_json(reply: Reply, error: Exception) -> Garbled:
    """What to say of a body that cannot be read at all."""
    where = endpoint_of(reply.url)
    if not reply.body.strip():
        return Garbled(where, "an empty body", status=reply.status)
    kind = reply.content_type or "no content type"
    return Garbled(where, f"not JSON ({kind}; {error}): {quote(reply.body, 100)}")


def _forgiving(reply: Reply, kind: type[T]) -> T:
    try:
        return _lenient(msgspec.json.decode(reply.body), kind)
    except (msgspec.ValidationError, RecursionError) as error:
        text = f"not what PD says there: {error}: {quote(reply.body, 80)}"
        raise Garbled(endpoint_of(reply.url), text) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # A wrong type at the start of a body that is cut off further on.
        raise not_json(reply, error) from None


def _lenient(thing: Any, kind: type[T]) -> T:
    """Null is Go's zero value, and a number may come as text; anything else is an error."""
    return msgspec.convert(_without_null(thing), kind, strict=False)


def _without_null(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {k: _without_null(v) for k, v in thing.items() if v is not None}
    if isinstance(thing, list):
        return [_without_null(one) for one in thing if one is not None]
    return thing


class _StoresBody(msgspec.Struct, frozen=True, gc=False):
    count: int
    stores: tuple[Store, ...] | None


class _StoresRaw(msgspec.Struct, frozen=True, gc=False):
    stores: tuple[msgspec.Raw, ...] | None
    count: int = -1


class _RegionsBody(msgspec.Struct, frozen=True, gc=False):
    count: int
    regions: tuple[Region, ...] | None


class _RegionsRaw(msgspec.Struct, frozen=True, gc=False):
    regions: tuple[msgspec.Raw, ...] | None
    count: int = -1


@dataclass(frozen=True, slots=True)
class _Listing(Generic[T]):
    """How one kind of list is written."""

    name: str
    item: type[T]
    whole: msgspec.json.Decoder[Any]
    raw: msgspec.json.Decoder[Any]
    slice: msgspec.json.Decoder[tuple[T, ...]]
    head: re.Pattern[bytes]
    between: re.Pattern[bytes]


def _listing(name: str, item: type[T], whole: type, raw: type, first: bytes) -> _Listing[T]:
    return _Listing(
        name,
        item,
        msgspec.json.Decoder(whole),
        msgspec.json.Decoder(raw),
        msgspec.json.Decoder(tuple[item, ...]),  # type: ignore[valid-type]  # known at run time only
        re.compile(rb'\s*\{\s*"count"\s*:\s*(\d+)\s*,\s*"%s"\s*:\s*\[' % name.encode()),
        re.compile(rb',(?=\s*\{\s*"%s"\s*:)' % first),
    )


_STORES = _listing("stores", Store, _StoresBody, _StoresRaw, b"store")
_REGIONS = _listing("regions", Region, _RegionsBody, _RegionsRaw, b"id")


@dataclass(slots=True)
class _Listed(Generic[T]):
    count: int
    items: tuple[T, ...]
    unreadable: tuple[str, ...] = ()


async def stores(reply: Reply, clock: Clock) -> Stores:
    """All stores of a body, one an id; Garbled if it is no list of stores."""
    listed = await _list(_STORES, reply, clock)
    notes = _count_note("stores", listed)
    kept = {one.store.id: one for one in listed.items}
    if len(kept) != len(listed.items):
        seen = Counter(one.store.id for one in listed.items)
        twice = [str(one) for one, times in seen.items() if times > 1]
        notes += (f"named more than once: store {', '.join(twice[:_MAX_NOTES])}",)
    items = listed.items if len(kept) == len(listed.items) else tuple(kept.values())
    return Stores(items, notes, listed.unreadable)


async def regions(reply: Reply, clock: Clock) -> Regions:
    """All regions of a body; Garbled if it is no list of regions."""
    listed = await _list(_REGIONS, reply, clock)
    notes = _count_note("regions", listed)
    if listed.unreadable:
        notes += (f"{len(listed.unreadable)} regions could not be read",)
    return Regions(listed.count, listed.items, notes)


def _count_note(what: str, listed: _Listed[Any]) -> tuple[str, ...]:
    found = len(listed.items) + len(listed.unreadable)
    if listed.count in (found, -1):
        return ()
    return (f"PD counts {listed.count} {what} and lists {found}",)


async def _list(how: _Listing[T], reply: Reply, clock: Clock) -> _Listed[T]:
    if len(reply.body) > 4 * SLICE_BYTES:
        sliced = await _sliced(how, reply.body, clock)
        if sliced is not None:
            return sliced
    try:
        body = how.whole.decode(reply.body)
        return _Listed(body.count, getattr(body, how.name) or ())
    except msgspec.ValidationError:
        return _one_by_one(how, reply)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise not_json(reply, error) from None


async def _sliced(how: _Listing[T], body: bytes, clock: Clock) -> _Listed[T] | None:
    """The list read piece by piece; None where it is not written as expected.

    A cut anywhere but between two entries leaves brackets open, which no decoder accepts.
    """
    head, end = how.head.match(body), body.rfind(b"]")
    if head is None or end < head.end() or body[end + 1 :].strip() != b"}":
        return None
    items: list[T] = []
    at = head.end()
    while at < end:
        cut = how.between.search(body, min(at + SLICE_BYTES, end), end)
        upto = cut.start() if cut else end
        try:
            items += how.slice.decode(b"[%b]" % body[at:upto])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        at = upto + 1
        await clock.sleep(0)
    return _Listed(int(head[1]), tuple(items))


def _one_by_one(how: _Listing[T], reply: Reply) -> _Listed[T]:
    """What can be read of a list some of whose entries cannot."""
    try:
        body = how.raw.decode(reply.body)
    except msgspec.ValidationError as error:
        text = f"no list of {how.name} ({error}): {quote(reply.body, 100)}"
        raise Garbled(endpoint_of(reply.url), text) from None
    items: list[T] = []
    unreadable: list[str] = []
    for raw in getattr(body, how.name) or ():
        thing = msgspec.json.decode(raw)
        try:
            items.append(_lenient(thing, how.item))
        except (msgspec.ValidationError, RecursionError):
            unreadable.append(_id_of(thing))
    return _Listed(body.count, tuple(items), tuple(unreadable))


def _id_of(thing: Any) -> str:
    """Whatever id a broken entry still carries, as text; "?" if none."""
    for at in (thing.get("store") if isinstance(thing, dict) else None, thing):
        found = at.get("id") if isinstance(at, dict) else None
        if isinstance(found, int | str):
            return quote(str(found), 20)
    return "?"
