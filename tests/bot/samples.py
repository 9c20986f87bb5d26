"""One of every message that the bot sends: as usual, and with hostile, huge and empty input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import structs

from bot.blocks import Message
from bot.monitor import views as monitor
from bot.monitor.views import Delivery, Pause, SubjectStatus
from bot.tickets.views import answers
from bot.tickets.views.adoption import adoption
from bot.tickets.views.card import card
from bot.tickets.views.details import details
from bot.tickets.views.facts import AdoptionFacts, Look, PageReason, StormFacts, Why
from bot.tickets.views.listing import listing
from bot.tickets.views.page import criticals, page
from bot.tickets.views.storm import storm, storm_page
from bot.tickets.views.thread import joined, reply, still_broken
from core.events import Event
from core.invariant import Severity
from core.tickets.model import Detail, Outcome, Resolution, Ticket
from tests.bot import samples_diagnosis

NOW = 1_795_260_000.0
ANA, BEN = "slack:U0ANA", "slack:U0BEN"
NAMES = {ANA: "Ana Ruiz", BEN: "Ben Okafor"}
LINKS = (
    ("Grafana", "https://grafana.example.com/d/tikv?var-store=4&from=now-1h"),
    ("Runbook", "https://wiki.example.com/store-down"),
)
HOSTILE = (
    "<!channel> <@U0ANA> <https://evil.example|click> `rm` *b* _i_ ~s~ :rotating_light: "
    "https://evil.example www.evil.example &lt;!here&gt; > quote\u202e\u200b\x1b[31m\x00\n@here #general"
)
HUGE = "x😀" * 50_000
EVENTS = (
    ("ticket.opened", None, {}),
    ("ticket.worsened", None, {"from": "warning"}),
    ("ticket.acknowledged", ANA, {}),
    ("ticket.held", ANA, {"until": NOW + 7200, "until_healthy": True, "reason": "disk swap"}),
    ("ticket.unheld", BEN, {"held_by": ANA}),
    ("ticket.changed", None, {}),
    ("ticket.changed", None, {}),
    ("ticket.recovering", None, {}),
    ("ticket.hold_ended", None, {"held_by": ANA, "broken": True}),
    ("ticket.reopened", None, {}),
    ("ticket.eased", None, {"from": "critical"}),
    ("ticket.surfaced", None, {"outlived": 41}),
    ("ticket.unowned", None, {}),
    ("ticket.diagnosed", None, {}),
    ("ticket.resolved", BEN, {"while_broken": True, "reason": "moved to ops"}),
    ("ticket.of_a_later_release", None, {}),
)


def name_of(actor: str) -> str:
    return NAMES.get(actor, actor)


def ticket(**changes: Any) -> Ticket:
    """A store that is down."""
    base = Ticket(
        id=42,
        subject="prod-eu",
        invariant="store_down",
        entity="store-4",
        fingerprint="prod-eu/store_down/store-4",
        severity=Severity.CRITICAL,
        title="Store 4 (tikv-2:20160) is down",
        summary="PD says Disconnected; its port refuses connections; for 1 s",
        detail=Detail(
            facts={"PD says": "Disconnected", "regions": "2048", "leaders before": "683",
                   "last heartbeat": "11:59:48 UTC", "quorum margin": "0"}
        ),
        opened_at=NOW - 840,
        last_seen_at=NOW - 1,
        seen_period_s=0.5,
        count=420,
    )  # fmt: skip
    return structs.replace(base, **changes)


def margin(**changes: Any) -> Ticket:
    """A symptom of the store's being down."""
    return ticket(
        id=43,
        invariant="quorum_margin",
        entity="cluster",
        title="The next store lost breaks a majority",
        summary="quorum margin is 0, 1 when whole; missing: store 4",
        detail=Detail(
            0.0, 1.0, "stores", {"missing": "store 4", "would break majority": "store 1, store 5"}
        ),
        explained_by=42,
        **changes,
    )


def slow(**changes: Any) -> Ticket:
    """A warning with a figure."""
    values: dict[str, Any] = {
        "id": 51,
        "invariant": "low_disk_space",
        "entity": "store-7",
        "severity": Severity.WARNING,
        "title": "Store 7 (tikv-5:20160) runs out of disk space",
        "summary": "71.4 % of its disk is used",
        "detail": Detail(71.42, 70.0, "%", {"free": "1.2 TiB", "capacity": "4.0 TiB"}),
    }
    return ticket(**(values | changes))


LOOK = Look(now=NOW, subject="prod-eu", links=LINKS, name_of=name_of)
ONCALL = replace(LOOK, mention="<!subteam^S0ONCALL>")
HELD: dict[str, Any] = {
    "held_at": NOW - 60,
    "held_by": ANA,
    "held_until": NOW + 5400,
    "hold_reason": "disk swap, back by noon",
    "acknowledged_by": ANA,
    "acknowledged_at": NOW - 700,
}
DONE: dict[str, Any] = {"resolved_at": NOW, "resolution": Resolution.RECOVERED}


def cards() -> dict[str, Message]:
    """A card in every state."""
    symptoms = (margin(), slow(id=44, explained_by=42))
    by_hand = {"resolved_at": NOW, "resolution": Resolution.MANUAL, "resolved_by": BEN,
               "resolve_reason": "decommissioned on purpose", "shut": True}  # fmt: skip
    return {
        "card-new": card(ticket(), ONCALL),
        "card-warning": card(slow(), LOOK),
        "card-symptoms": card(ticket(), replace(ONCALL, symptoms=symptoms, symptom_count=9)),
        "card-acknowledged": card(ticket(acknowledged_by=ANA, acknowledged_at=NOW), LOOK),
        "card-diagnosed": card(
            ticket(diagnosed_at=NOW, acknowledged_by=BEN),
            replace(LOOK, diagnosis="The disk of tikv-2 fails: I/O errors since 11:58"),
        ),
        "card-held": card(ticket(**HELD), LOOK),
        "card-held-unowned": card(ticket(held_at=NOW, held_by=BEN, held_until_healthy=True), LOOK),
        "card-recovering": card(ticket(healthy_since=NOW - 4), LOOK),
        "card-flapping": card(
            ticket(flap_count=4, reopened_at=NOW - 30, previous_id=17), replace(LOOK, why=None)
        ),
        "card-marked": card(
            slow(previous_id=17),
            replace(LOOK, why=Why.REPEAT, experiment="kill store 7", maintenance="upgrade to 8.5.7",
                    possible_duplicate=True),
        ),
        "card-resolved": card(ticket(**DONE, acknowledged_by=ANA, acknowledged_at=NOW - 700), LOOK),
        "card-resolved-by-hand": card(ticket(**by_hand), LOOK),
        "card-removed": card(slow(resolved_at=NOW, resolution=Resolution.REMOVED), LOOK),
        "card-margin": card(margin(), replace(ONCALL, why=Why.NEW_ENTITY)),
    }  # fmt: skip


def event(kind: str, actor: str | None, data: dict[str, Any], number: int = 1) -> Event:
    return Event(number, NOW - 800 + 60 * number, kind, "prod-eu", 42, actor, data)


def history() -> list[Event]:
    return [event(k, a, d, n) for n, (k, a, d) in enumerate(EVENTS)]


def replies() -> dict[str, Message]:
    """What a thread says."""
    done = ticket(**DONE, acknowledged_by=ANA, acknowledged_at=NOW - 700, flap_count=1)
    look = replace(LOOK, symptoms=(margin(**DONE),))
    made = {f"reply-{e.kind}": reply(ticket(**HELD), e, LOOK) for e in history()}
    made["reply-summary"] = reply(done, event("ticket.resolved", None, {}), look)
    made["reply-joined"] = joined(margin(), LOOK)
    made["reply-still"] = still_broken(ticket(), LOOK)
    return {name: message for name, message in made.items() if message is not None}


def pages() -> dict[str, Message]:
    """What mentions somebody."""
    made = {f"page-{r}": page(ticket(flap_count=1), r, ONCALL) for r in PageReason}
    worst = tuple(ticket(id=n, title=f"Store {n} is down") for n in range(60, 72))
    made["page-criticals"] = criticals(worst, 34, ONCALL)
    return made


def gatherings() -> dict[str, Message]:
    """Storms and adoptions."""
    worst = (ticket(), margin(), slow(), slow(id=52), slow(id=53, title="Store 9 is slow"))
    bad = {Severity.CRITICAL: 34, Severity.WARNING: 2110, Severity.INFO: 7}
    kinds = (("store_down", 34), ("high_latency", 1300), ("low_disk_space", 810), ("x", 7))
    facts = StormFacts(
        "storm:7", NOW - 300, NOW - 2, 10_000, 2151, 12, 3, bad, kinds, ("prod-eu",), worst
    )
    over = replace(facts, open=0, owned=0, held=0, closed_at=NOW, worst=())
    taken = AdoptionFacts("adoption:prod-eu", "prod-eu", NOW, 5, 5, {Severity.WARNING: 5},
                          (("low_disk_space", 5),), worst, name_of=name_of)  # fmt: skip
    return {
        "storm": storm(facts),
        "storm-several": storm(replace(facts, subjects=("prod-eu", "prod-us"), closed_at=NOW)),
        "storm-over": storm(over),
        "storm-page": storm_page(facts, [slow(id=n) for n in range(100, 110)], 3),
        "adoption": adoption(taken),
        "adoption-accepted": adoption(replace(taken, accepted_by=ANA, accepted_at=NOW)),
        "adoption-shown": adoption(replace(taken, shown_by=BEN, shown_at=NOW)),
        "adoption-over": adoption(replace(taken, open=0, worst=())),
    }


def private() -> dict[str, Message]:
    """What one person reads."""
    many = [ticket(), ticket(id=41, **HELD), margin(), slow(), slow(id=52, flap_count=3),
            slow(id=53, severity=Severity.INFO)]  # fmt: skip
    verbs = ("acknowledge", "hold", "unhold", "resolve")
    by_hand = ticket(resolved_at=NOW, resolution=Resolution.MANUAL, resolved_by=BEN)
    states = {"acknowledge": ticket(acknowledged_by=ANA, acknowledged_at=NOW), "hold": ticket(**HELD),
              "unhold": ticket(), "resolve": by_hand}  # fmt: skip
    made = {f"did-{v}": answers.outcome(Outcome(v, True, states[v]), LOOK) for v in verbs}
    made |= {f"was-{v}": answers.outcome(Outcome(v, False, states[v]), LOOK) for v in verbs}
    return made | {
        "details": details(ticket(**HELD), history(), replace(LOOK, symptoms=(margin(),))),
        "details-resolved": details(ticket(**DONE), history()[:3], LOOK),
        "listing": listing(many, 6, 0, ""),
        "listing-paged": listing(many + many[:4], 214, 3, "open critical"),
        "listing-none": listing([], 0, 0, ""),
        "listing-no-match": listing([], 0, 0, "disk tikv-9"),
        "late": answers.late(by_hand, LOOK),
        "confirm": answers.resolve_confirm(ticket(), LOOK),
        "note": answers.note(
            "There is no ticket 4711. Did you mean 42? `/tickets list` shows all."
        ),
        "help": answers.help_text(),
    }


def watching() -> dict[str, Message]:
    """Status, pauses, gaps."""
    pause = Pause(3, "prod-eu", NOW, NOW + 1800, ANA, "rolling upgrade to 8.5.7")
    subjects = (
        SubjectStatus("prod-eu", "prod-eu", NOW - 1, 0.031, 0.5, 3, 1, 92, 2, pause=pause),
        SubjectStatus("prod-us", "prod-us", NOW - 1, 0.029, 0.5, 0, 0, 96, 0),
        SubjectStatus(
            "lab", "lab", NOW - 400, 0.02, 0.5, 0, 9, 0, 0, (("pd", "connection refused"),)
        ),
        SubjectStatus("new", "new", None),
    )
    bad = Delivery(12, 75.0, (("#prod-alerts", "the channel is archived"),), 2, "Slack is slow")
    return {
        "status": monitor.status(subjects, bad, NOW, name_of),
        "status-good": monitor.status(subjects[1:2], Delivery(connected=2), NOW, name_of),
        "status-none": monitor.status((), Delivery(), NOW, name_of),
        "pause-started": monitor.maintenance_started(pause, name_of),
        "pause-ended": monitor.maintenance_ended(
            replace(pause, ended_at=NOW, ended_by=BEN), (ticket(), slow()), 14, name_of
        ),
        "pause-ended-well": monitor.maintenance_ended(pause, (), 0, name_of),
        "gap": monitor.gap("prod-eu", NOW - 3300, NOW, 2, 1),
        "gap-quiet": monitor.gap("prod-eu", NOW - 3300, NOW, 0, 0),
        "monitor-help": monitor.help_text(),
    }


def everything() -> dict[str, Message]:
    """All of them."""
    some = cards() | replies() | pages() | gatherings() | private() | watching()
    return some | samples_diagnosis.diagnoses()


def awful(text: str, facts: int = 60) -> Ticket:
    """A ticket whose every text is `text`."""
    return ticket(
        subject=text, invariant=text, entity=text, title=text, summary=text, hold_reason=text,
        held_at=NOW, held_by=f"cli:{text}", acknowledged_by=f"slack:{text}", acknowledged_at=NOW,
        detail=Detail(float("nan"), float("inf"), text, {f"{text[:50]}{n}": text for n in range(facts)}),
        count=2**62, flap_count=9, reopened_at=-1e300, opened_at=float("nan"), last_seen_at=1e300,
    )  # fmt: skip


def hostile(text: str) -> dict[str, Message]:
    """Every kind of message with `text` in each place that data can reach."""
    bad = awful(text)
    look = Look(now=NOW, subject=text, mention=text, symptoms=(bad,) * 50, symptom_count=10**9,
                links=((text, text or "https://x"),) * 30, experiment=text, maintenance=text,
                diagnosis=text, card_url=text, name_of=lambda _: text)  # fmt: skip
    open_bad = structs.replace(bad, held_at=None, held_by=None, acknowledged_by=None)
    gone = structs.replace(bad, resolved_at=NOW, resolved_by=text, resolution=Resolution.MANUAL,
                           resolve_reason=text, shut=True)  # fmt: skip
    events = [
        event(k, f"cli:{text}", {"reason": text, "from": text, "held_by": text, "until": text}, n)
        for n, (k, _, _) in enumerate(EVENTS * 20)
    ]
    counts = dict.fromkeys(Severity, 10**12)
    kinds = tuple((text, n) for n in range(40))
    facts = StormFacts(text or "s", NOW, NOW, 10**9, 10**8, by_severity=counts, by_invariant=kinds,
                       subjects=(text,), worst=(bad,) * 60)  # fmt: skip
    taken = AdoptionFacts(text or "a", text, NOW, 9, 9, counts, kinds, (bad,) * 60)
    pause = Pause(1, text, NOW, NOW, text, text, NOW, text)
    blind = tuple((text, text) for _ in range(50))
    subject = SubjectStatus(text, text, NOW, blind=blind, pause=pause)
    replied = {f"reply-{n}": reply(bad, e, look) for n, e in enumerate(events[:20])}
    return {
        "card": card(bad, look),
        "card-open": card(open_bad, look),
        "card-gone": card(gone, look),
        "page": page(open_bad, PageReason.UNOWNED, look),
        "criticals": criticals((bad,) * 40, 10**6, look),
        "joined": joined(bad, look),
        "still": still_broken(bad, look),
        "summary": reply(gone, event("ticket.resolved", f"cli:{text}", {"reason": text}), look)
        or Message(""),
        "storm": storm(facts),
        "storm-page": storm_page(facts, [bad] * 10, 10**6),
        "adoption": adoption(taken),
        "adoption-done": adoption(replace(taken, accepted_by=text, accepted_at=NOW)),
        "details": details(bad, events, look),
        "listing": listing([bad] * 10, 10**9, 5, text),
        "listing-none": listing([], 0, 0, text),
        "outcome": answers.outcome(Outcome(text, True, bad), look),
        "hold": answers.outcome(Outcome("hold", True, bad), look),
        "late": answers.late(gone, look),
        "confirm": answers.resolve_confirm(open_bad, look),
        "note": answers.note(text),
        "status": monitor.status((subject,) * 60, Delivery(10**9, 1e300, blind, 2, text), NOW),
        "started": monitor.maintenance_started(pause),
        "ended": monitor.maintenance_ended(pause, (bad,) * 60, 10**6),
        "gap": monitor.gap(text, float("nan"), 1e300, 10**9, 10**9),
        **samples_diagnosis.hostile(text),
    } | {name: message for name, message in replied.items() if message is not None}
