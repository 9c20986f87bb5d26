"""Findings about a subject's sources, and the questions that every kind of subject asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from core.clients.docker import DockerClient
from core.clients.logs import LogSource
from core.errors import TocsinError
from core.findings import Finding

MOST_TOLD = 20
"""So many failures of a kind are told one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Writes findings about one subject."""

    subject: str

    def good(self, what: str, told: str) -> Finding:
        """A source that answers."""
        return Finding(self.subject, what, True, told)

    def bad(self, what: str, told: str, fix: str) -> Finding:
        """A source that does not, and what to do about it."""
        return Finding(self.subject, what, False, told, fix)

    def many(self, what: str, asked: int, bad: Sequence[Finding]) -> list[Finding]:
        """One line for those that answer, one for each of the first that do not."""
        if not asked:
            return []
        if not bad:
            return [self.good(what, f"all {asked:,} answer")]
        told = f"{asked - len(bad):,} of {asked:,} answer"
        return [self.bad(what, told, "see below"), *bad[:MOST_TOLD]]

    async def asked(self, what: str, ask: Callable[[], Awaitable[object]], fix: str) -> Finding:
        """One question; a failure is a finding."""
        try:
            answer = await ask()
        except TocsinError as error:
            return self.bad(what, error.text, fix)
        return self.good(what, f"answers {answer}" if answer else "answers")

    async def docker(self, engine: DockerClient | None) -> list[Finding]:
        """Whether the engine answers; nothing where none is configured."""
        if engine is None:
            return []
        fix = "check `docker`: the socket must be there, and readable by this user"
        return [await self.asked("Docker engine", engine.ping, fix)]

    async def logs(self, sources: Mapping[str, LogSource]) -> list[Finding]:
        """Whether every log can be read."""
        bad = []
        for node, source in sources.items():
            try:
                await source.tail(1)
            except TocsinError as error:
                fix = f'check logs."{node}": is the path right, may this user read it?'
                bad.append(self.bad(f"log of {node}", error.text, fix))
        return self.many("logs", len(sources), bad)
