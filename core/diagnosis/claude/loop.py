"""Asks Claude for a diagnosis: the cheap model first, a larger one once, within caps, and never at the cost
of the rules' answer."""

from __future__ import annotations

from typing import Any

from core.diagnosis.claude.desk import Desk
from core.diagnosis.claude.purse import Purse
from core.diagnosis.claude.talk import Talk
from core.diagnosis.claude.task import Ending, Means, Result, Task
from core.diagnosis.claude.verdict import Verdict
from core.diagnosis.claude.watch import Watch
from core.diagnosis.claude.wire import Failed, Http, Wire
from core.diagnosis.encode import Answer
from core.diagnosis.model import Certainty
from core.redact import redact

STANDS = "The rules' answer stands."
# How the first model may end without the larger one being of use, either.
_FINAL = frozenset(
    (
        *(Ending.STOPPED, Ending.OVER_BUDGET, Ending.OUT_OF_TIME, Ending.DENIED),
        *(Ending.BUSY, Ending.UNREACHABLE, Ending.REJECTED),
    )
)


async def diagnose(task: Task, means: Means, wire: Wire | None = None) -> Result:
    """What Claude makes of the evidence; whatever goes wrong is a result that says so in words."""
    run = _Run(task, means, wire or Http(means.settings))
    try:
        return await run.result()
    finally:
        await run.close()


class _Run:
    """One diagnosis, from the first call to the result."""

    def __init__(self, task: Task, means: Means, wire: Wire) -> None:
        self._task, self._means, self._wire = task, means, wire
        self._purse, self._watch = Purse(means), Watch(means)
        self._desk = Desk(task, means)
        self._looked_at: list[str] = []
        self._model = means.settings.model

    async def close(self) -> None:
        """Let go of connections."""
        await self._wire.close()

    async def result(self) -> Result:
        """Ask, ask the larger one if need be, and say which answer stands."""
        settings = self._means.settings
        share = settings.max_turns * 5 // 8 if settings.larger else settings.max_turns
        first = await self._ask(settings.model, max(share, 1))
        if not settings.larger or self._settled(first):
            return self._ended(first, None)
        earlier = None if isinstance(first, Failed) else _earlier(first)
        left = settings.max_turns - self._purse.turns
        second = await self._ask(settings.larger, left, earlier)
        return self._ended(second, first)

    @staticmethod
    def _settled(first: Verdict | Failed) -> bool:
        return first.ending in _FINAL if isinstance(first, Failed) else first.good

    async def _ask(self, model: str, turns: int, earlier: Any = None) -> Verdict | Failed:
        self._model = model
        task = Task(self._desk.snapshot, self._task.rules, self._task.question)
        self._desk = Desk(task, self._means, self._desk.added)
        common = (task, self._means, self._wire, self._purse, self._watch)
        talk = Talk(*common, model=model, turns=turns, desk=self._desk, earlier=earlier)
        try:
            return await talk.verdict()
        except Failed as failed:
            return failed
        finally:
            self._looked_at += talk.looked_at

    def _ended(self, last: Verdict | Failed, before: Verdict | Failed | None) -> Result:
        """The result: of two verdicts the last one, of a verdict and a failure the verdict."""
        if isinstance(last, Failed):
            if isinstance(before, Verdict):
                return self._weigh(before, f" {last.words}")
            return self._make(last.ending, None, f"{last.words} {STANDS}")
        return self._weigh(last, "")

    def _weigh(self, verdict: Verdict, more: str) -> Result:
        made, fault = verdict.diagnosis, verdict.fault
        if verdict.good:
            return self._make(Ending.ANSWERED, verdict, "")
        why = f"Claude was asked ({self._model}), and what it said does not stand: {fault}.{more}"
        if self._task.question or self._task.rules.certainty is not Certainty.INCONCLUSIVE:
            return self._make(Ending.RULES_STAND, None, f"{why} {STANDS}")
        if made.certainty is Certainty.INCONCLUSIVE and not made.struck:
            # It says that it does not know, and so do the rules: that is an answer.
            return self._make(Ending.ANSWERED, verdict, more.strip())
        return self._make(Ending.LOWERED, verdict, f"{why} It is lowered to inconclusive.")

    def _make(self, ending: Ending, verdict: Verdict | None, why: str) -> Result:
        answer = Answer(verdict.answer, verdict.cited) if verdict and verdict.answer else None
        return Result(
            ending=ending,
            diagnosis=verdict.diagnosis if verdict and not verdict.doubt else None,
            why=redact(why, self._means.settings.hidden),
            snapshot=self._desk.snapshot,
            answer=answer,
            added=self._desk.added,
            model=self._model,
            turns=self._purse.turns,
            calls=self._purse.calls,
            usage=self._purse.usage,
            micro_dollars=self._purse.micro_dollars,
            seconds=self._watch.seconds,
            looked_at=tuple(self._looked_at),
        )


def _earlier(first: Verdict) -> dict[str, Any]:
    made = first.diagnosis
    return {
        "cause": made.cause,
        "entity": made.entity,
        "what_is_wrong_with_it": first.fault,
        "struck": list(made.struck),
    }
