"""How a source that fails or hangs becomes words, so that evidence goes on without it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from core.clients.failures import Leaderless, PdFailed, SourceFailed
from core.clock import Clock, within
from core.errors import TocsinError

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    """An answer, or why there is none."""

    value: T | None
    failed: str = ""


async def attempt(clock: Clock, limit_s: float, work: Awaitable[T]) -> Got[T]:
    """Wait for a source so long at most; never raises for its faults."""
    try:
        return Got(await within(clock, limit_s, work))
    except TimeoutError:
        return Got(None, f"timed out after {limit_s:.1f} s")
    except TocsinError as error:
        return Got(None, words(error))
    except Exception as error:
        # A bug about one source must not take the others along.
        log.exception("a source of evidence failed", action="explain")
        return Got(None, f"it could not be read: {type(error).__name__}")


def words(error: TocsinError) -> str:
    """Why there is no answer: of PD's endpoints the one that says the most, not all of them."""
    if not isinstance(error, PdFailed) or not error.failures:
        return error.text
    leaderless = (one for one in error.failures if isinstance(one, Leaderless))
    first: SourceFailed = next(leaderless, error.failures[0])
    said = f"{first.status}: {first.detail}" if first.status else first.text
    more = f" (and {len(error.failures) - 1} more)" if len(error.failures) > 1 else ""
    return f"{said}{more}"
