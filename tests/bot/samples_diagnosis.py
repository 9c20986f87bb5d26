"""One of every message about a diagnosis: real ones, and with hostile, huge and empty input."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from bot import certainty
from bot.blocks import Message
from bot.diagnosis import answer, progress, recheck, views
from bot.diagnosis.facts import Progress, Shown
from core.diagnosis import questions
from core.diagnosis import recheck as core_recheck
from core.diagnosis.claims import Found, Outcome
from core.diagnosis.encode import Answer
from core.diagnosis.made import Made, Spent
from core.diagnosis.model import (
    Alternative,
    Certainty,
    Check,
    Claim,
    Command,
    Diagnosis,
    Moment,
    Op,
    Predicate,
    Query,
    Reason,
    Snapshot,
    Weight,
)
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.invariant import Severity

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "ours"
NOW = 1_795_260_000.0
ANA = "slack:U0ANA"
NAMES = {ANA: "Ana Ruiz", "slack:U0BEN": "Ben Okafor"}


def name_of(actor: str) -> str:
    return NAMES.get(actor, actor)


@cache
def evidence(name: str) -> Snapshot:
    return snapshot(read(SCENARIOS / name))


def shown(name: str = "killed-by-docker", **changes: Any) -> Shown:
    """A real diagnosis of a scenario."""
    seen = evidence(name)
    made = diagnose(seen, first_look=changes.get("reason", Reason.OPENED) is Reason.OPENED)
    base = Shown(
        id=7, ticket_id=42, made_at=NOW, reason=Reason.OPENED, diagnosis=made, seconds=0.04,
        subject="prod-eu", values=certainty.values(made, seen),
        sources=certainty.sources(made, seen), name_of=name_of,
    )  # fmt: skip
    return replace(base, **changes)


def made_of(one: Shown, **changes: Any) -> Made:
    """The same as the store hands it out."""
    base = Made(one.id, one.ticket_id, 1, None, one.made_at, one.diagnosis.made_by, one.reason,
                one.diagnosis, one.seconds)  # fmt: skip
    return replace(base, **changes)


WORK = Progress(9, 42, "reading the log of store 4", ANA, 3, 8, 0, 12_400, 500_000, name_of=name_of)


def diagnoses() -> dict[str, Message]:
    """Everything that a thread or a person reads of diagnoses."""
    first, killed = shown(), shown(reason=Reason.SOON)
    unsure = shown("withheld-how-it-ended").diagnosis
    paused = shown("paused").diagnosis
    spent = Spent(5, 18_200, 2_210, 31_400)
    why = questions.answer("why?", evidence("killed-by-docker"), first.diagnosis)
    lost = questions.answer("sing", evidence("killed-by-docker"), first.diagnosis)
    asked = replace(killed, reason=Reason.ASKED, asked_by=ANA)
    again = core_recheck.again(
        7, first.diagnosis, evidence("killed-by-docker"), evidence("killed-no-docker")
    )
    ended = replace(WORK, turn=5, tokens=20_410, micro_dollars=31_400, seconds=42.0)
    return {
        "diagnosis": views.diagnosis(first),
        "diagnosis-likely": views.diagnosis(shown("killed-no-docker", reason=Reason.LATER)),
        "diagnosis-inconclusive": views.diagnosis(shown("withheld-how-it-ended")),
        "diagnosis-fine": views.diagnosis(shown("control-noisy-log")),
        "diagnosis-surer": views.diagnosis(replace(killed, previous=unsure)),
        "diagnosis-other": views.diagnosis(replace(killed, previous=paused, useful=2, useless=1)),
        "diagnosis-superseded": views.diagnosis(replace(first, superseded=True)),
        "diagnosis-by-claude": views.diagnosis(
            replace(asked, spent=spent, diagnosis=replace(asked.diagnosis, made_by="claude-x",
                    struck=("It rained",)))
        ),
        "diagnosis-unchanged": views.unchanged(asked),
        "answer": answer.answered(replace(asked, question="why did it die?", answer=why)),
        "answer-by-claude": answer.answered(
            replace(asked, question="why?", spent=spent, note="Ticket 43 is explained by ticket 42.",
                    answer=Answer("Because it was killed.\n\nSee e57.", ("e57", "e56")))
        ),
        "answer-none": answer.answered(replace(asked, question="sing", answer=lost)),
        "progress": progress.progress(WORK),
        "progress-cards": progress.progress(
            replace(WORK, cards=True, steps=("reading the evidence", "asking PD for /stores"))
        ),
        "progress-looked": progress.progress(
            replace(ended, ended="done", steps=tuple(f"log of store {n}" for n in range(9)))
        ),
        "progress-stopping": progress.progress(replace(WORK, stopped_by=ANA)),
        "progress-done": progress.progress(replace(ended, ended="done")),
        "progress-stopped": progress.progress(replace(ended, ended="stopped", stopped_by=ANA)),
        "progress-failed": progress.progress(
            replace(ended, ended="failed", why="Claude is overloaded (529)")
        ),
        "recheck": recheck.rechecked(again),
        "recheck-none": recheck.rechecked(core_recheck.Rechecked(7, NOW, NOW, ())),
    }  # fmt: skip


def awful_claims(text: str, n: int = 30) -> tuple[Claim, ...]:
    """Claims whose every text is `text`, of every kind."""
    return tuple(
        Claim(
            text,
            Check(text, Predicate(text, op, text, text), evidence=text if n % 2 else "",
                  query=Query(text, text)),
            weight,
        )
        for n, (op, weight) in enumerate([(o, w) for o in Op for w in Weight][:n])
    )  # fmt: skip


def awful(text: str) -> Diagnosis:
    """A diagnosis whose every text is `text`: as a model might write it."""
    claims = awful_claims(text)
    return Diagnosis(
        cause=text,
        entity=text,
        primary=text,
        certainty=Certainty.LIKELY,
        claims=claims,
        alternatives=tuple(Alternative(text, text, claims, claims, text) for _ in range(30)),
        action=text,
        commands=tuple(Command(t, {"store_id": text}) for t in (text, "pd-store", "docker-start")),
        severity=Severity.CRITICAL,
        risks=(text,) * 30,
        unseen=(text,) * 30,
        timeline=tuple(Moment(at, text, text) for at in (math.nan, 1e300, -1.0, NOW)) * 30,
        affected=(text,) * 30,
        readings={f"{text[:40]}{n}": value for n, value in enumerate((math.nan, math.inf, 1.5))},
        made_by=text,
        taken_at=math.nan,
        struck=(text,) * 30,
    )


def awful_shown(text: str, **changes: Any) -> Shown:
    """The same with all that surrounds it."""
    made = awful(text)
    base = Shown(
        id=7, ticket_id=42, made_at=math.nan, reason=Reason.ASKED, diagnosis=made, subject=text,
        previous=replace(made, cause=f"{text[:9]}x"), asked_by=f"cli:{text}", question=text,
        answer=Answer(text, (text,) * 40, (text,) * 40), spent=Spent(10**9, 10**12, 10**12, 10**15),
        note=text, useful=10**9, useless=10**9, name_of=lambda _: text,
        values={certainty.key_of(one): text for one in made.claims},
        sources={one.check.evidence: text for one in made.claims},
    )  # fmt: skip
    return replace(base, **changes)


def hostile(text: str) -> dict[str, Message]:
    """Every kind of message with `text` in each place that data can reach."""
    bad = awful_shown(text)
    lines = tuple(
        core_recheck.Line(one, Found(outcome, text, text, altered=True), Found(outcome, [text] * 9))
        for one, outcome in zip(awful_claims(text), list(Outcome) * 9, strict=False)
    )
    work = Progress(9, 42, text, f"slack:{text}", 10**9, 10**9, 10**9, 10**15, 10**15, 1e300, "",
                    "", text, (text,) * 60, name_of=lambda _: text)  # fmt: skip
    return {
        "diagnosis": views.diagnosis(bad),
        "diagnosis-first": views.diagnosis(replace(bad, previous=None, asked_by="", spent=None)),
        "diagnosis-unchanged": views.unchanged(bad),
        "answer": answer.answered(bad),
        "answer-none": answer.answered(replace(bad, answer=None)),
        "recheck": recheck.rechecked(core_recheck.Rechecked(7, math.nan, 1e300, lines)),
        **{
            f"progress-{ended}": progress.progress(replace(work, ended=ended, stopped_by=by))
            for ended, by in (("", ""), ("", text), ("done", ""), ("stopped", text), ("failed", ""))
        },
        "progress-cards": progress.progress(replace(work, cards=True)),
    }
