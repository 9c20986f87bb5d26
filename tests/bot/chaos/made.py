"""Runs, stories and previews to show: as usual, hostile, huge and empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bot.blocks import Message
from bot.chaos.facts import Catalogue, Offer, Planned, Preview, Shown
from bot.chaos.views import card, lists, report
from core.chaos.model import KIND, Stage, Story
from core.runs.model import Outcome, Run, State
from tests.bot.samples import ANA, BEN, HOSTILE, HUGE, NOW, name_of, ticket

EXPERIMENT = {
    "fault": "kill",
    "name": "kill-store",
    "title": "Kill a store",
    "expects": ["store_down"],
    "detect_within_s": 15.0,
    "recover_within_s": 120.0,
}
OVER = {
    "injected_at": NOW - 60,
    "ends_at": NOW - 30,
    "detected_at": NOW - 59.4,
    "detected_by": "store_down",
    "detected_ticket": 42,
    "diagnosed_at": NOW - 58.6,
    "diagnosed_as": "process_killed",
    "right": True,
    "heal_began_at": NOW - 30,
    "healed_at": NOW - 29,
    "ending": "healed",
    "recovered_at": NOW - 24,
    "tickets": (42,),
    "why": "Detected and recovered in time.",
}


def run(**changed: Any) -> Run:
    base = Run(
        id=7, kind=KIND, subject="prod-eu", name="kill-store", target="store", requested_by=ANA,
        trial="", state=State.ACTIVE, stage=Stage.WATCH, outcome=None, created_at=NOW - 65,
        claimed_at=NOW - 64, active_at=NOW - 64, finished_at=None, archived_at=None,
        reported_at=None, due_at=NOW, abort_at=None, abort_by=None, abort_reason=None, data={},
        version=3,
    )  # fmt: skip
    return replace(base, **changed)


def story(**changed: Any) -> Story:
    base = Story(
        experiment=EXPERIMENT,
        duration_s=30.0,
        entity="store:4",
        name="tikv-2",
        driver="docker",
        words="kill the container tikv-2 (SIGKILL)",
        undo_words="start it again",
        radius="1 of 3 stores, 683 leaders",
        margin="margin 1 -> 0, every majority kept",
        truth="the process of store:4 was killed",
    )
    return replace(base, **changed)


def ended(outcome: Outcome = Outcome.SUCCEEDED, **changed: Any) -> Shown:
    """A run that is over."""
    over = run(state=State.REPORTED, outcome=outcome, finished_at=NOW - 20)
    return shown(replace(over, **changed), story(**OVER), tickets=(ticket(),))


def shown(of: Run | None = None, told: Story | None = None, **changed: Any) -> Shown:
    made = Shown(
        of or run(), told or story(), NOW, title="Kill a store", subject="prod-eu", name_of=name_of
    )
    return replace(made, **changed)


def preview(**changed: Any) -> Preview:
    base = Preview(
        name="kill-store", title="Kill a store", subject="prod-eu", duration_s=30.0,
        target="tikv-2", entity="store:4", words="kill the container tikv-2 (SIGKILL)",
        radius="1 of 3 stores, 683 leaders", undo_words="start it again",
        margin="margin 1 -> 0, every majority kept", expects=("store_down",), detect_within_s=15.0,
        recover_within_s=120.0,
    )  # fmt: skip
    return replace(base, **changed)


def offer(**changed: Any) -> Offer:
    base = Offer("kill-store", "Kill a store", "kill", "store", 30.0, ("store_down",), 15.0)
    return replace(base, **changed)


def planned(**changed: Any) -> Planned:
    base = Planned(
        3, "kill-store", "prod-eu", "store:4", "0 10 * * tue", "Europe/Berlin", "9-17", NOW, ANA
    )
    return replace(base, **changed)


def _awkward(text: str) -> Shown:
    mean = dict.fromkeys(
        ("entity", "name", "words", "undo_words", "radius", "margin", "truth"), text
    )
    tickets = tuple(ticket(id=n, title=text or "t") for n in range(40))
    told = story(
        **mean, **{**OVER, "why": text, "diagnosed_as": text, "detected_by": text}, interrupted=text
    )
    of = run(
        name=text[:128], target=text[:255], subject=text[:255] or "s", requested_by=f"cli:{text}",
        abort_at=NOW, abort_by=BEN, abort_reason=text,
    )  # fmt: skip
    return shown(of, told, tickets=tickets, title=text, subject=text, unhealed=3)


def runs() -> Iterator[tuple[str, Shown]]:
    """A run in every state, then with awkward input."""
    yield "created", shown(run(state=State.CREATED, stage=""), story(words=""))
    for stage in Stage:
        yield str(stage), shown(run(stage=stage), story(injected_at=NOW - 5, ends_at=NOW + 25))
    yield "odd stage", shown(run(stage="of a later release"))
    yield "rolling", shown(told=story(waiting=("store:5",), done=("store:1", "store:4")))
    yield "aborting", shown(run(abort_at=NOW, abort_by=BEN, abort_reason="wrong day"))
    for outcome in Outcome:
        yield str(outcome), ended(outcome)
    refused = run(state=State.FINISHED, outcome=Outcome.REFUSED, finished_at=NOW)
    yield "refused", shown(refused, story(why="already sick: store_down on store:1"))
    yield "unhealed", replace(ended(Outcome.UNKNOWN), unhealed=1, possible_duplicate=True)
    for name, text in (("hostile", HOSTILE), ("huge", HUGE), ("empty", "")):
        yield name, _awkward(text)
        yield (
            f"{name} over",
            replace(
                _awkward(text),
                run=replace(_awkward(text).run, outcome=Outcome.FAILED, finished_at=NOW),
            ),
        )


def messages() -> Mapping[str, Message]:
    """Every message about experiments."""
    made: dict[str, Message] = {}
    for name, one in runs():
        made[f"card {name}"] = card.card(one)
        made[f"report {name}"] = report.report(one)
    made["help"] = lists.help_text()
    made["catalogue"] = lists.catalogue(
        (
            Catalogue("prod-eu", (offer(), offer(name="slow", unavailable="no netem here"))),
            Catalogue("prod-us", off="chaos is not enabled for it"),
        )
    )
    made["nothing"] = lists.catalogue(())
    made["idle"] = lists.status((), (), (), ())
    made["status"] = lists.status((shown(),), (planned(),), (ended(),), ("tikv-2 paused",), name_of)
    made["missed"] = lists.missed(planned(), NOW - 3600, "Tocsin was not running")
    for name, text in (("hostile", HOSTILE), ("huge", HUGE), ("empty", "")):
        many = tuple(offer(name=text, title=text, unavailable=text * (n % 2)) for n in range(80))
        made[f"catalogue {name}"] = lists.catalogue(
            [Catalogue(text, many, text, (text,) * 90)] * 30
        )
        wild = planned(name=text, subject=text, target=text, cron=text, zone=text, hours=text)
        made[f"status {name}"] = lists.status(
            (_awkward(text),) * 30, (wild,) * 90, (_awkward(text),) * 30, (text,) * 90, name_of
        )
        made[f"missed {name}"] = lists.missed(wild, NOW, text)
    return made
