"""The seven stages of the demonstration."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field

from bot import certainty
from bot.chaos.wording import arrows, doing, seconds
from bot.cli.chaos_tell import summary
from bot.cli.common import actor, say
from bot.cli.demo_place import Place
from bot.text import terminal
from bot.words import figure, plain_name
from core.chaos.desk import Preview
from core.chaos.model import Stage, Story
from core.chaos.order import order
from core.chaos.story import of
from core.db import Tx
from core.diagnosis import store as diagnoses
from core.diagnosis.made import Made
from core.durations import span
from core.errors import Conflict, Refused, Unavailable
from core.monitor import TickReport
from core.runs import store
from core.runs.model import Run, State
from core.tickets import store as tickets
from core.wiring import Core

WELL_S = 60.0
"""How long a cluster may take to be seen well."""
STEADY_S = 2.0
FAULT_S = 300.0
"""The fault ends by itself after this, whoever left the terminal."""
DIAGNOSIS_S = 20.0
LOOK_S = 0.1


@dataclass(slots=True)
class Telling:
    """Tells the story on a place that `core` watches."""

    core: Core
    place: Place
    experiment: str
    timeout_s: float
    yes: bool
    _looks: int = field(default=0, init=False)

    async def tell(self) -> Run:
        """All stages; the run as it ended."""
        self.core.engine.on_tick(self._looked)
        await self._healthy()
        await self._enter("put load on it")
        await self._load()
        preview = await self._planned()
        await self._enter("break it")
        run = await self._break(preview)
        run = await self._detected(run)
        await self._diagnosed(run)
        await self._enter("heal it")
        run = await self._recovered(run)
        self._head(7, "Summary")
        for line in summary(run, plain_name):
            say(line)
        return run

    async def _looked(self, report: TickReport) -> None:
        if report.subject == self.place.subject:
            self._looks += 1

    def _head(self, number: int, title: str) -> None:
        say(f"\n{number}. {title}")

    # The stages.

    async def _healthy(self) -> None:
        self._head(1, f"A healthy cluster ({self.place.words})")
        clock = self.core.clock
        until, well_since = clock.monotonic() + WELL_S, None
        while True:
            last = self._last()
            well = last is not None and not last.broken and last.holds > 0 and not last.blind
            now = clock.monotonic()
            well_since = (well_since or now) if well else None
            if well_since is not None and now - well_since >= STEADY_S:
                break
            if now > until:
                raise Unavailable(f"It was not seen well within {WELL_S:g} s: {self._seen()}.")
            await clock.sleep(LOOK_S)
        for line in await self.place.look():
            say(f"   {line}")
        say(f"   {self._seen()}")

    def _last(self) -> TickReport | None:
        watches = self.core.engine.watches
        return next((w.last for w in watches if w.subject.name == self.place.subject), None)

    def _seen(self) -> str:
        last = self._last()
        if last is None:
            return "not looked at yet"
        blind = f", not seen: {', '.join(last.blind)}" if last.blind else ""
        return f"{last.holds} checks hold, {last.broken} broken, {last.unknown} unknown{blind}"

    async def _load(self) -> None:
        self._head(2, "Load")
        say(f"   {terminal(await self.place.load(), 300)}")
        await self.core.clock.sleep(STEADY_S)
        for line in await self.place.look():
            say(f"   {line}")

    async def _planned(self) -> Preview:
        seed = int(self.core.clock.now().timestamp() * 1000) % 2**31
        found = await self.core.desk.preview(self.experiment, self.place.subject, "", FAULT_S, seed)
        if found.refused:
            raise Refused(f"{found.refused} Nothing was touched.")
        self._head(3, found.experiment.title)
        margin = "" if found.margin is None else found.margin.words
        shown = arrows(margin.removeprefix("margin "), 200)
        for name, told in (
            ("target", found.name),
            ("what", found.words),
            ("reach", found.radius),
            ("margin", "".join(str(getattr(p, "plain", p)) for p in shown)),
            ("undo", found.undo_words),
        ):
            say(f"   {name:<8} {terminal(told, 300)}")
        return found

    async def _break(self, preview: Preview) -> Run:
        return await self.core.db.write(_order, self.core, preview)

    async def _detected(self, run: Run) -> Run:
        """The counter: how many looks were taken, and how long it has been."""
        self._head(4, "Detection")
        clock, before, story = self.core.clock, self._looks, of(run)
        while True:
            run = await self.core.db.read(store.get, run.id)
            story = of(run)
            if not run.live:
                raise Refused(story.why or "The experiment ended before anything was broken.")
            now = clock.now().timestamp()
            since = 0.0 if story.injected_at is None else max(now - story.injected_at, 0.0)
            if story.detected_at is not None or since > self.timeout_s:
                break
            self._count(run, since, self._looks - before)
            await clock.sleep(LOOK_S)
        self._count(run, since, self._looks - before, last=True)
        if story.detected_at is None:
            say(f"   Not detected within {self.timeout_s:g} s. Going on.")
            return run
        await self._tell_detection(story)
        return run

    def _count(self, run: Run, since: float, looks: int, *, last: bool = False) -> None:
        """One line that is written over; on a pipe only its last state."""
        line = f"   {seconds(since):>8}  {looks} checks taken, {doing(run)}"
        if sys.stdout.isatty():
            print(f"\r{line:<78}", end="\n" if last else "", flush=True)
        elif last:
            say(line)

    async def _tell_detection(self, story: Story) -> None:
        after = (story.detected_at or 0.0) - (story.injected_at or 0.0)
        ticket = await self.core.db.read(tickets.find, story.detected_ticket or 0)
        say(f"   Detected after {seconds(max(after, 0.0))}: {story.detected_by}")
        if ticket is None:
            return
        say(f"   Ticket {ticket.id}, {ticket.severity}: {terminal(ticket.title, 200)}")
        for name, value in list((ticket.detail.facts or {}).items())[:6]:
            say(f"     {terminal(name, 40)}: {terminal(value, 160)}")
        measured = figure(ticket.detail.value, ticket.detail.unit)
        if measured:
            say(f"     measured: {measured}")

    async def _diagnosed(self, run: Run) -> None:
        self._head(5, "Diagnosis")
        number = of(run).detected_ticket
        if number is None:
            say("   There is no ticket to diagnose.")
            return
        made = await self._made(number)
        if made is None:
            say(f"   None within {DIAGNOSIS_S:g} s.")
            return
        found = made.diagnosis
        say(f"   {certainty.certainty(found)}: {terminal(certainty.guarded(found), 500)}")
        for claim in found.claims[:5]:
            say(f"     - {terminal(claim.words, 200)}")
        say(f"   What next: {terminal(found.action, 400)}")
        say(f"   Made by {terminal(made.made_by, 60)} in {seconds(made.seconds)}.")

    async def _made(self, ticket_id: int) -> Made | None:
        clock = self.core.clock
        until = clock.monotonic() + DIAGNOSIS_S
        while clock.monotonic() < until:
            found = await self.core.db.read(diagnoses.current, ticket_id)
            if found is not None:
                return found
            await clock.sleep(LOOK_S)
        return None

    async def _recovered(self, run: Run) -> Run:
        self._head(6, "Recovery")
        clock = self.core.clock
        began, told = clock.monotonic(), ""
        while run.state is not State.REPORTED:
            try:
                run = await self.core.db.write(_end_fault, run.id)
            except Conflict:
                run = await self.core.db.read(store.get, run.id)
            if (now := doing(run)) != told and run.live:
                say(f"   {span(clock.monotonic() - began):>8}  {now}")
                told = now
            await clock.sleep(LOOK_S)
        for line in await self.place.look():
            say(f"   {line}")
        return run

    # Pace.

    async def _enter(self, to: str) -> None:
        if self.yes:
            return
        print(f"\n   [Enter] to {to} ", end="", flush=True)
        await _line()
        if not sys.stdin.isatty():
            say()


def _order(tx: Tx, core: Core, preview: Preview) -> Run:
    return order(
        tx,
        core.desk.rules,
        name=preview.experiment.name,
        by=actor(),
        subject=preview.subject,
        target=preview.entities[0] if len(preview.entities) == 1 else "",
        duration_s=preview.duration_s,
    )


def _end_fault(tx: Tx, run_id: int) -> Run:
    """The fault's time is over now; nothing where it is over already."""
    run = store.get(tx, run_id)
    story = of(run)
    if run.stage != Stage.WATCH or not run.live or (story.ends_at or 0.0) <= tx.now:
        return run
    return store.advance(tx, run, data={**run.data, "ends_at": tx.now})


async def _line() -> None:
    """Wait for Enter (or the end of the input); it can be cancelled, unlike a thread that reads.

    Read byte by byte: what a buffer had taken ahead would never be announced again.
    """
    number = sys.stdin.fileno()
    while True:
        await _readable(number)
        if os.read(number, 1) in (b"\n", b""):
            return


async def _readable(number: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def there() -> None:
        if not ready.done():
            ready.set_result(None)

    try:
        loop.add_reader(number, there)
    except OSError:
        return  # a file or /dev/null is always ready
    try:
        await ready
    finally:
        loop.remove_reader(number)
