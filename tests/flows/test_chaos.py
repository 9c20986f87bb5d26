"""/chaos in Slack: the plan, the button, who may, twice at once, and what becomes of the card.

The cluster is scripted and nobody carries orders out: what a run does is written by the test.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import ids
from bot.chaos.bench import Bench
from bot.local.model import Message
from bot.local.workspace import Workspace
from bot.roles import RoleSettings
from core import events
from core.chaos.catalog.read import Catalog
from core.chaos.desk import Desk
from core.chaos.model import KIND, Fault, Margin, Stage
from core.chaos.order import Known, Rules
from core.chaos.safety import Sight
from core.chaos.story import of, plain
from core.clock import ManualClock, SystemClock
from core.db import Tx
from core.errors import Unavailable
from core.events import New
from core.runs import artefacts, store
from core.runs.model import Outcome, Run
from tests.core.chaos.rig import KILL, OPEN, Subject
from tests.flows import stage as stages
from tests.flows.rig import CHANNEL, Rig
from tests.flows.stage import Stage as Scene
from tests.flows.stage import read, stage

SLOW = replace(KILL, name="slow-network", title="Slow it", fault=Fault.DELAY)
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


def seen(message: Message) -> str:
    """Every text of a message, in one line."""
    return " ".join(stages.seen(message).split())


class Broken(Subject):
    """What may be broken in these tests; shared with each test as `cluster`."""


def cluster() -> Broken:
    made = Broken(ManualClock(), "prod")
    made.driver.cannot[Fault.DELAY] = "this kernel has no netem"
    return made


def bench(subject: Broken, *, watches: bool = True) -> Any:
    rules = Rules(
        Catalog({one.name: one for one in (KILL, SLOW)}),
        subjects={"prod": Known("scripted", OPEN)},
    )

    def of_rig(rig: Rig) -> Bench:
        def sight(_subject: str) -> Sight:
            return Sight(rig.clock.now().timestamp(), 1.0)

        desk = Desk(rig.db, {"prod": subject}, rules, sight)
        return Bench(rules, SystemClock(), desk if watches else None, lambda _: CHANNEL)

    return of_rig


def roles(ws: Workspace) -> RoleSettings:
    return RoleSettings(
        given=True, admin=(ws.user("ana").id, ws.user("chloe").id), responder=(ws.user("ben").id,)
    )


@pytest.fixture
def prod() -> Broken:
    return cluster()


@pytest.fixture
async def s(tmp_path: Path, prod: Broken) -> AsyncIterator[Scene]:
    async with stage(tmp_path, roles=roles, chaos=bench(prod)) as one:
        yield one


async def runs(s: Scene) -> list[Run]:
    return await s.db.read(lambda tx: store.listing(tx, kind=KIND))


async def dialogue(s: Scene, words: str, user: str = "ana") -> dict[str, Any]:
    """The dialogue, once it no longer says that it reads."""
    delivery = s.ws.acts.command(user, CHANNEL, "/chaos", words)
    await s.settled(delivery)

    def ready() -> dict[str, Any] | None:
        view = s.ws.view(user)
        return view if view is not None and "Reading" not in read(view["blocks"]) else None

    return await s.ws.until(ready)


async def press_run(s: Scene, user: str = "ana") -> None:
    view = s.ws.view(user)
    assert view is not None
    await s.settled(s.ws.acts.submit(user, view["id"]))


def cards(s: Scene) -> list[Message]:
    return [m for m in s.rig.posts() if m.metadata["event_payload"]["kind"] == "run"]


async def card(s: Scene, what: str) -> Message:
    await s.ws.until(lambda: any(what in seen(one) for one in cards(s)))
    return next(one for one in cards(s) if what in seen(one))


async def started(s: Scene) -> Run:
    """A run that somebody asked for by the button, with its card."""
    await dialogue(s, "run kill-store store:1")
    await press_run(s)
    await card(s, "kill-store")
    return (await runs(s))[0]


async def moves(s: Scene, **told: Any) -> Run:
    """What the runner would write: a stage, or more of the story."""
    stage_ = told.pop("stage", None)

    def change(tx: Tx) -> Run:
        run = store.listing(tx, kind=KIND)[0]
        if run.state == "created":
            run = store.begin(tx, store.claim(tx, run), str(Stage.BASELINE))
        story = replace(of(run), **told)
        return store.advance(tx, run, stage=stage_, data=plain(story))

    return await s.db.write(change)


async def ends(s: Scene, outcome: Outcome, *, picture: bool = True, **told: Any) -> None:
    def change(tx: Tx) -> None:
        run = store.listing(tx, kind=KIND)[0]
        story = replace(of(run), **told)
        run = store.finish(tx, run, outcome, plain(story))
        if picture:
            artefacts.put(tx, run.id, "timeline.png", "image/png", PNG, "Timeline: all of it")
        store.report(tx, store.archive(tx, run))

    await s.db.write(change)


# The plan and the button.


async def test_run_shows_the_plan_first_and_breaks_nothing(s: Scene, prod: Broken) -> None:
    view = await dialogue(s, "run kill-store store:1 --for 7s")
    text = read(view["blocks"])
    for part in ("Kill a store", "store-1", "kill store-1", "start it", "margin 1", "7 s"):
        assert part in text
    assert view["submit"]["text"] == "Run"
    assert prod.driver.calls == []
    assert await runs(s) == []


async def test_the_dialogue_is_open_before_the_cluster_was_read(s: Scene) -> None:
    delivery = s.ws.acts.command("ana", CHANNEL, "/chaos", "run kill-store")
    await s.settled(delivery)
    await s.ws.until(lambda: s.ws.calls("views.update"))
    opened = s.ws.calls("views.open")[0]
    assert opened.at <= s.ws.calls("views.update")[0].at
    assert delivery.answer in (None, "", {})


async def test_pressing_run_leaves_an_order_and_one_card(s: Scene) -> None:
    await dialogue(s, "run kill-store store:1 --for 7s")
    await press_run(s)
    posted = await card(s, "kill-store")
    [run] = await runs(s)
    assert (run.name, run.target, run.subject) == ("kill-store", "store:1", "prod")
    assert run.requested_by == s.actor()
    assert of(run).duration_s == 7.0
    assert s.ws.view("ana") is None
    assert f"<@{s.ws.user('ana').id}>" in json.dumps(posted.blocks)
    assert [b for b in read(posted.blocks).split() if b == "Abort"]


async def test_what_was_confirmed_is_what_is_broken(s: Scene) -> None:
    """The selector means many; the dialogue names one, and that one it is."""
    view = await dialogue(s, "run kill-store")
    await press_run(s)
    [run] = await runs(s)
    assert run.target.replace(":", "-") in read(view["blocks"])


async def test_two_people_press_run_at_once_and_one_runs(s: Scene) -> None:
    await dialogue(s, "run kill-store store:1", "ana")
    await dialogue(s, "run kill-store store:2", "chloe")
    both = [s.ws.acts.submit(user, (s.ws.view(user) or {})["id"]) for user in ("ana", "chloe")]
    for one in both:
        await s.settled(one)
    [run] = await runs(s)
    late = "chloe" if run.requested_by == s.actor("ana") else "ana"
    view = await s.ws.until(lambda: s.ws.view(late))
    told = read(view["blocks"])
    assert f"<@{run.requested_by.removeprefix('slack:')}>" in told
    assert "started kill-store on prod" in told
    assert "nothing was started" in told


async def test_a_run_pressed_twice_is_one_run(s: Scene) -> None:
    await dialogue(s, "run kill-store store:1")
    view = s.ws.view("ana")
    assert view is not None
    delivery = s.ws.acts.submit("ana", view["id"])
    await s.settled(delivery)
    delivery.status = "waiting"
    s.ws.deliveries._once(delivery, 1, "timeout")
    await s.settled(delivery)
    assert len(await runs(s)) == 1
    assert s.failed == []


async def test_a_command_delivered_twice_opens_one_dialogue(s: Scene) -> None:
    s.ws.fault("socket", "duplicate")
    delivery = s.ws.acts.command("ana", CHANNEL, "/chaos", "run kill-store")
    await s.ws.until(lambda: delivery.acks == 2)
    await s.ws.until(lambda: s.ws.calls("views.update"))
    assert len(s.ws.calls("views.open")) == 1
    assert s.whispers() == []


async def test_a_loss_of_majority_is_refused_with_the_margin(s: Scene, prod: Broken) -> None:
    prod.left = Margin(-1, False, "margin 0 -> majority lost")
    view = await dialogue(s, "run kill-store store:1")
    assert "margin 0 → majority lost" in read(view["blocks"])
    assert view.get("submit") is None
    assert await runs(s) == []


async def test_a_sick_cluster_is_left_in_peace(s: Scene) -> None:
    await s.breaks("store:9")
    view = await dialogue(s, "run kill-store store:1")
    assert "a critical ticket is open" in read(view["blocks"])
    assert view.get("submit") is None


async def test_a_second_experiment_is_told_who_runs_the_first(s: Scene) -> None:
    await started(s)
    said = await s.chaos("run kill-store", "chloe")
    assert f"<@{s.ws.user('ana').id}>" in said
    assert "(run 1)" in said


async def test_a_form_that_slack_does_not_open_is_told(s: Scene) -> None:
    s.ws.fault("views.open", "error", error="expired_trigger_id")
    await s.settled(s.ws.acts.command("ana", CHANNEL, "/chaos", "run kill-store"))
    assert "did not let Tocsin open that form in time" in await s.whispered()


async def test_a_process_that_stands_by_takes_orders_too(tmp_path: Path, prod: Broken) -> None:
    async with stage(tmp_path, roles=roles, chaos=bench(prod, watches=False)) as s:
        view = await dialogue(s, "run kill-store")
        assert "the process that watches plans it" in read(view["blocks"])
        await press_run(s)
        assert [one.target for one in await runs(s)] == [""]


# Who may, and what people type.


async def test_only_a_named_admin_may_break_things(s: Scene) -> None:
    said = await s.chaos("run kill-store", "ben")
    assert "needs the role admin; you have the role responder" in said
    assert s.ws.view("ben") is None
    assert "needs the role admin" in await s.chaos('schedule "0 3 * * *" kill-store', "ben")


async def test_without_roles_nobody_may(tmp_path: Path, prod: Broken) -> None:
    async with stage(tmp_path, chaos=bench(prod)) as s:
        assert "needs the role admin" in await s.chaos("run kill-store")


async def test_a_role_that_was_lost_before_run_was_pressed_counts(s: Scene) -> None:
    await dialogue(s, "run kill-store")
    s.roles._settings = replace(s.roles._settings, admin=())
    await press_run(s)
    assert "needs the role admin" in read((s.ws.view("ana") or {})["blocks"])
    assert await runs(s) == []


TYPED = (
    ("", "/chaos run kill-store"),
    ("help", "/chaos schedule"),
    ("rnu", "Did you mean run?"),
    ("run", "Which experiment?"),
    ("run kil-stor", "Did you mean kill-store?"),
    ("run kill-store --subject nowhere", "There is no subject called 'nowhere'"),
    ("run kill-store --for soon", "is not a duration"),
    ("run kill-store --for 5h", "At most 600 s are allowed here"),
    ("run kill-store --fro 5s", "There is no option --fro"),
    ("run kill-store --for", "--for needs a value"),
    ("run kill-store a b c", "One experiment and one target"),
    ("run <!channel>", "There is no experiment called"),
    ("abort", "No experiment is under way"),
    ("abort 7", "There is no run 7"),
    ("abort soon", "Which run?"),
    ("status", "No experiment is under way"),
    ("schedule", "When, and which experiment?"),
    ('schedule "10:00" kill-store', "A time has five fields, as in /chaos schedule"),
    ('schedule "61 * * * *" kill-store', "is not a cron expression"),
    ('schedule "0 3 * * *" kill-store --zone Mars/Olympus', "There is no time zone"),
    ('schedule "0 3 * * *" kill-store --hours 9-17', "never comes between 9 and 17 h"),
    ('schedule "0 3 * * *" kill-store --hours 17-9', "Hours are two hours of the day"),
    ('schedule "* * * * *" kill-store', "too often"),
    ("unschedule", "Which plan? Planned: none"),
    ("unschedule 9", "There is no plan 9"),
)


async def test_whatever_is_typed_is_answered_in_words(s: Scene) -> None:
    for typed, answer in TYPED:
        assert answer in await s.chaos(typed), typed
    assert await runs(s) == []
    assert s.failed == []


async def test_an_unknown_target_is_refused_in_the_dialogue(s: Scene) -> None:
    view = await dialogue(s, "run kill-store store:99")
    assert "store:99 means nothing here" in read(view["blocks"])
    assert view.get("submit") is None


async def test_the_list_says_what_cannot_be_done_here_and_why(s: Scene) -> None:
    await s.settled(s.ws.acts.command("ben", CHANNEL, "/chaos", "list"))
    said = await s.whispered("ben")
    assert "kill-store" in said
    assert "twin: this kernel has no netem" in said
    assert "store-1 (store:1)" in said
    await s.settled(s.ws.acts.command("ben", CHANNEL, "/chaos", "list nowhere"))
    assert "There is no subject called 'nowhere'" in await s.whispered("ben", 2)


async def test_a_cluster_that_cannot_be_read_is_listed_with_the_reason(
    s: Scene, prod: Broken
) -> None:
    async def gone() -> Any:
        raise Unavailable("The engine does not answer.")

    prod.driver.faults = gone  # type: ignore[method-assign]  # one answer of a scripted driver
    await s.settled(s.ws.acts.command("ben", CHANNEL, "/chaos", "list"))
    assert "The engine does not answer." in await s.whispered("ben")


async def test_over_http_it_is_the_same(tmp_path: Path, prod: Broken) -> None:
    async with stage(tmp_path, http=True, roles=roles, chaos=bench(prod)) as s:
        run = await started(s)
        await s.click(cards(s)[0].ts, ids.CHAOS_ABORT, "ben")
        await card(s, "aborting")
        assert (await runs(s))[0].id == run.id


# Ending it early.


async def test_abort_is_one_click_and_the_card_says_who(s: Scene) -> None:
    run = await started(s)
    posted = cards(s)[0]
    await s.click(posted.ts, ids.CHAOS_ABORT, "ben")
    edited = await card(s, "aborting")
    assert edited.ts == posted.ts
    assert f"<@{s.ws.user('ben').id}>" in seen(edited)
    assert "Abort and heal" not in json.dumps(edited.blocks)
    [after] = await runs(s)
    assert (after.abort_by, after.id) == (s.actor("ben"), run.id)
    assert s.whispers("ben") == []


async def test_aborting_what_is_over_is_answered_in_private(s: Scene) -> None:
    await started(s)
    await moves(s, stage=str(Stage.WATCH))
    await ends(s, Outcome.SUCCEEDED)
    said = await s.chaos("abort 1", "ben")
    assert "is over already: passed" in said


async def test_aborting_twice_changes_nothing_and_says_who_asked_first(s: Scene) -> None:
    await started(s)
    assert "Aborting kill-store on prod, run 1" in await s.chaos("abort", "ben")
    assert "is being aborted already, asked for by" in await s.chaos("abort", "ana")
    assert len([r for r in await runs(s) if r.aborting]) == 1


# The card as things happen.


async def test_one_card_is_edited_as_it_happens(s: Scene) -> None:
    await started(s)
    first = cards(s)[0]
    now = s.rig.clock.now().timestamp()
    await moves(s, stage=str(Stage.WATCH), injected_at=now, ends_at=now + 30, words="kill store-1")
    shown = await card(s, "● watch")
    assert f"<!date^{int(now + 30)}^" in json.dumps(shown.blocks)

    def detected(tx: Tx) -> None:
        run = store.listing(tx, kind=KIND)[0]
        story = replace(
            of(run), detected_at=now + 0.6, detected_by="store_down", detected_ticket=42
        )
        store.note(tx, run, "run.detected", plain(story), after_s=0.6)

    await s.db.write(detected)
    await card(s, "after 0.6 s, ticket 42 (store_down)")
    assert [one.ts for one in cards(s)] == [first.ts]


async def test_a_ticket_that_opens_meanwhile_says_so_and_is_on_the_card(s: Scene) -> None:
    await started(s)
    await moves(s, stage=str(Stage.WATCH), injected_at=s.rig.clock.now().timestamp())
    [number] = await s.breaks("store:1")
    ticket_card = s.rig.posts()[-1]
    assert "Opened during experiment kill-store, run 1 ." in seen(ticket_card)
    await card(s, f"Ticket {number}, critical")
    await moves(s, tickets=(number,), stage=str(Stage.HEAL))
    await ends(s, Outcome.SUCCEEDED)
    await s.rig.mends("store:1")
    await s.ws.until(lambda: "resolved" in seen(s.rig.posts()[-1]))
    assert "Opened during experiment" in seen(s.rig.posts()[-1])


async def test_a_ticket_from_before_is_not_marked(s: Scene) -> None:
    await s.breaks("store:7")
    assert "experiment" not in seen(s.rig.posts()[-1])


async def test_the_report_stands_in_the_thread_with_its_picture(s: Scene) -> None:
    await started(s)
    now = s.rig.clock.now().timestamp()
    await moves(s, stage=str(Stage.WATCH), injected_at=now)
    await ends(
        s, Outcome.SUCCEEDED, detected_at=now + 0.5, detected_by="store_down", healed_at=now + 9
    )
    root = cards(s)[0].ts
    await s.ws.until(lambda: len(s.ws.replies(CHANNEL, root)) == 2)
    report, picture = s.ws.replies(CHANNEL, root)
    assert "✅ Passed" in seen(report)
    assert "after 0.5 s" in seen(report)
    [file] = picture.files
    assert (file["name"], file["alt_txt"]) == ("timeline.png", "Timeline: all of it")
    assert file["title"] == "Timeline of kill-store (run 1)"
    assert s.ws.state.files[file["id"]].content == PNG
    assert "Abort" not in json.dumps(cards(s)[0].blocks)


UPLOAD, COMPLETE = "files.getUploadURLExternal", "files.completeUploadExternal"


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        (UPLOAD, "500"),
        (UPLOAD, "reset_after"),
        (UPLOAD, "429"),
        (COMPLETE, "reset_before"),
        (COMPLETE, "reset_after"),
        (COMPLETE, "500"),
    ],
)
async def test_a_picture_of_unknown_outcome_is_there_once(
    s: Scene, method: str, fault: str
) -> None:
    await started(s)
    s.ws.fault(method, fault)
    await ends(s, Outcome.SUCCEEDED)
    root = cards(s)[0].ts
    await s.rig.idle()
    await s.ws.until(lambda: len(s.ws.replies(CHANNEL, root)) == 2)
    assert [bool(m.files) for m in s.ws.replies(CHANNEL, root)] == [False, True]


async def test_a_picture_that_slack_refuses_leaves_the_report_whole(s: Scene) -> None:
    """An app that was installed before it had the scope for files."""
    await started(s)
    s.ws.fault(UPLOAD, "error", error="missing_scope", times=99)
    await ends(s, Outcome.SUCCEEDED)
    root = cards(s)[0].ts
    await s.ws.until(lambda: s.ws.calls(UPLOAD))
    await s.rig.idle()
    assert ["✅ Passed" in seen(m) for m in s.ws.replies(CHANNEL, root)] == [True]
    assert s.rig.sender.trouble.auth is None
    await s.breaks("store:5")


async def test_a_run_without_a_picture_has_its_report(s: Scene) -> None:
    await started(s)
    await ends(s, Outcome.REFUSED, picture=False, why="already sick: store:2 is down")
    root = cards(s)[0].ts
    await s.ws.until(lambda: s.ws.replies(CHANNEL, root))
    await s.rig.idle()
    [report] = s.ws.replies(CHANNEL, root)
    assert "Already sick: store:2 is down" in seen(report)
    assert s.ws.calls(UPLOAD) == []


# By itself.


async def test_a_plan_is_told_listed_and_taken_away(s: Scene) -> None:
    said = await s.chaos("schedule “0 10 * * tue” kill-store —zone Europe/Berlin —hours 9-17")
    assert "Plan 1: kill-store on prod" in said
    assert "Europe/Berlin, only between 9-17 h" in said
    assert "Plan 1: kill-store" in await s.chaos("status", "ben")
    assert "Plan 1 (kill-store on prod) is gone." in await s.chaos("unschedule 1")
    assert "Plan 1" not in await s.chaos("status")


async def test_a_plan_that_was_missed_is_told_in_the_channel(s: Scene) -> None:
    now = s.rig.clock.now().timestamp()
    told = {
        "number": 3, "name": "kill-store", "subject": "prod", "cron": "0 3 * * *", "zone": "UTC",
        "hours": "", "by": s.actor(), "due_at": now - 3600, "next_at": now + 3600,
        "why": "nobody was there to run it then",
    }  # fmt: skip
    await s.db.write(events.emit, New("run.missed", subject="prod", data=told))
    [message] = await s.rig.posted(1)
    assert "was skipped: nobody was there to run it then. It is not made up for" in seen(message)
