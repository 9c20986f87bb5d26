"""What PD says, as evidence: stores, members, schedulers, operators, limits, regions in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from core.clients import pd_model, pd_operators, pd_paths, pd_store
from core.clients.failures import PdRefused
from core.clients.http import MIB
from core.clients.pd import Pd, Ping
from core.errors import Unavailable
from core.subjects.attempts import Got, attempt
from core.subjects.tikv.explain_means import Means

EVICTING = "/scheduler-config/evict-leader-scheduler/list"
HOT = ("/hotspot/regions/write", "/hotspot/regions/read")
PATHS = (
    "/schedulers",
    EVICTING,
    "/schedulers?status=paused",
    "/config/schedule",
    "/config/replicate",
    "/operators",
    *HOT,
    "/regions/count",
    "/regions/check/down-peer",
    "/regions/check/miss-peer",
    "/regions/check/pending-peer",
    *(f"/checker/{one}" for one in ("learner", "replica", "rule", "split", "merge", "joint-state")),
)
"""What is read for every look, below /pd/api/v1."""
MAX_LISTED = 20
"""Regions, operators and hot spots that are kept of an answer."""
_MAX_BYTES = 8 * MIB
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class PdAnswers:
    """Everything that PD was asked at one moment."""

    stores: Got[pd_store.Stores]
    members: Got[pd_model.Members]
    health: Mapping[str, bool]
    pings: Mapping[str, Ping]
    paths: Mapping[str, Got[dict[str, Any]]]


async def read(means: Means, known: Sequence[pd_model.Member], limit_s: float) -> PdAnswers:
    """Ask PD for all of it at once; `known` are the members as they were last listed."""
    pd, clock = means.pd, means.clock
    slots = asyncio.Semaphore(_AT_ONCE)

    async def path(one: str) -> Got[dict[str, Any]]:
        async with slots:
            return await attempt(clock, limit_s, body(pd, one))

    stores, members, health, pings, bodies = await asyncio.gather(
        attempt(clock, limit_s, pd.stores()),
        attempt(clock, limit_s, pd.members()),
        attempt(clock, limit_s, pd.health()),
        _pings(pd, known, min(limit_s, 1.0)),
        attempt(clock, limit_s, _all(PATHS, path)),
    )
    found = bodies.value or {one: Got(None, bodies.failed) for one in PATHS}
    heard = {one.name: one.health for one in health.value or ()}
    return PdAnswers(stores, members, heard, pings, found)


async def _all(paths: Sequence[str], ask: Any) -> dict[str, Got[dict[str, Any]]]:
    answers = await asyncio.gather(*(ask(one) for one in paths))
    return dict(zip(paths, answers, strict=True))


async def _pings(pd: Pd, known: Sequence[pd_model.Member], limit_s: float) -> dict[str, Ping]:
    urls = {one.name: url for one in known if (url := _url(one))}
    found = await asyncio.gather(*(pd.ping(url, total_s=limit_s) for url in urls.values()))
    return dict(zip(urls, found, strict=True))


def _url(member: pd_model.Member) -> str:
    return (member.client_urls or ("",))[0].rstrip("/")


async def body(pd: Pd, path: str) -> dict[str, Any]:
    """One read of PD as evidence: {"status", "body"}; Unavailable for what is no answer."""
    try:
        reply = await pd.get(path, max_bytes=_MAX_BYTES)
    except PdRefused as error:
        if 400 <= error.status < 500:
            return {"status": error.status, "body": error.said}
        raise
    try:
        found = msgspec.json.decode(reply.body) if reply.body else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Unavailable(f"PD's answer to {path} is not JSON.") from None
    return {"status": reply.status, "body": shortened(found)}


def shortened(thing: Any, depth: int = 0) -> Any:
    """The same with long lists cut: what is counted in it says how long they were."""
    if isinstance(thing, list):
        return [shortened(one, depth + 1) for one in thing[:MAX_LISTED]]
    if isinstance(thing, dict) and depth < 8:
        return {key: shortened(value, depth + 1) for key, value in list(thing.items())[:500]}
    return thing


def allowed_paths() -> tuple[str, ...]:
    """The reads of PD that may be asked for, as regular expressions."""
    return pd_paths.READS


def asked_for(answers: PdAnswers, taken_at: float) -> Iterable[dict[str, Any]]:
    """What people asked PD to do to regions, as far as it still goes on."""
    got = answers.paths.get("/operators")
    body = (got.value or {}).get("body") if got is not None else None
    for sentence in body if isinstance(body, list) else ():
        if not isinstance(sentence, str) or "admin" not in sentence[:80]:
            continue
        read = pd_operators.read(sentence)
        at = read.created_at if read.created_at is not None else taken_at
        yield {"at": at, "what": "operator", "words": f"{read.desc}: {read.brief}"}
