"""From a violation to the thread with the real worker: by rules, by a scripted Claude, and stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot import ids
from bot.local.model import Message
from core.clock import SystemClock
from core.diagnosis.budget import Caps
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.investigate import Means
from core.diagnosis.recheck import Rechecked
from core.diagnosis.settings import Allowed
from core.diagnosis.worker import Worker
from core.tasks import Tasks
from tests.claude_server import HANG, KEY, ClaudeServer, Fails, answers, claim
from tests.core.diagnosis.bench import Explained
from tests.flows.stage import Stage, seen, stage
from tests.flows.test_diagnosis import thread

ORDER = "<!channel> <@UONCALL1> *now* :tada: https://evil.example `docker rm -f tikv-1` www.evil.example"
EXITED = claim("e4", "store:1", "now.exit_code", "equals", 137, words="It ended by SIGKILL.")
RIGHT = answers(
    "process_killed", "store:1", EXITED, certainty="confirmed", primary="It was killed."
)
UNSURE = answers(
    "process_killed", "store:1", EXITED, certainty="likely", primary="Killed, it seems."
)
WRONG = answers("out_of_memory", "store:1", EXITED, certainty="likely", primary="Out of memory.")


@asynccontextmanager
async def whole(tmp_path: Path, claude: ClaudeServer | None = None) -> AsyncIterator[Stage]:
    """Slack, delivery and the worker; store:1 was killed."""
    workers: list[Worker] = []

    async def recheck(diagnosis_id: int) -> Rechecked:
        return await workers[0].recheck(diagnosis_id)

    async with stage(tmp_path, recheck=recheck) as s:
        allowed = Allowed()
        if claude is not None:
            settings = ClaudeSettings(
                api_key=KEY, base_url=claude.url, larger="", quiet_s=5.0, retries=0
            )
            caps = Caps(10_000_000, 100_000_000)
            allowed = Allowed(settings, frozenset(("prod",)), caps)
        clock, errors = SystemClock(), list[BaseException]()
        subject = Explained(clock)
        means = Means(s.db, clock, s.rig.epoch, {"prod": subject}, allowed)
        workers.append(Worker(means, s.rig.metrics))
        tasks = Tasks(lambda _, error: errors.append(error))
        tasks.start("diagnosis", workers[0].run())
        s.subject = subject  # type: ignore[attr-defined]
        try:
            yield s
        finally:
            await tasks.cancel()
        assert errors == []


async def shows(s: Stage, words: str, n: int = 1) -> Message:
    """The n-th message of the thread that says so."""

    def found() -> list[Message]:
        return [one for one in thread(s) if words in seen(one)]

    await s.ws.until(lambda: len(found()) >= n)
    return found()[n - 1]


async def test_a_killed_store_is_diagnosed_in_its_thread_with_no_key(tmp_path: Path) -> None:
    async with whole(tmp_path) as s:
        [number] = await s.breaks("store:1")
        message = await shows(s, "What is going on")
        assert "● Confirmed  · First look  · process killed, store 1" in seen(message)
        assert float(message.ts) - float(s.card(0).ts) < 3
        await s.shows("● Confirmed: The process of store 1")
        s.subject.well = True  # type: ignore[attr-defined]
        await s.click(message.ts, ids.DIAGNOSIS_RECHECK)
        assert "not so any more" in await s.whispered()
        await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
        assert "Revised. The first look said ● confirmed: process killed, store 1." in seen(
            await shows(s, "Asked for by")
        )
        s.ws.acts.message("ana", "storage-alerts", "@tocsin how sure is that?", s.card(0).ts)
        assert "by the rules" in seen(await shows(s, "asked:  how sure is that?"))
        assert (await s.ticket(number)).diagnosed_at is not None


async def test_claude_is_seen_at_work_and_what_it_cost_is_told(tmp_path: Path) -> None:
    async with ClaudeServer(UNSURE) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        revision = await shows(s, "Less sure than before: it was ● confirmed. Same cause.")
        assert "by claude-sonnet-5-5" in seen(revision)
        assert "1 call, 4,300 tokens, $0.0" in seen(revision)
        ended = await shows(s, "Claude looked into ticket")
        assert "1 turn, 4,300 tokens, $0.0" in seen(ended)
        assert not any(block["type"] == "actions" for block in ended.blocks)
        assert len(thread(s)) == 3


async def test_claude_that_agrees_gives_its_own_reasons(tmp_path: Path) -> None:
    async with ClaudeServer(RIGHT) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        agreed = await shows(s, "The same as the rules said, for reasons of its own.")
        assert "It ended by SIGKILL." in seen(agreed)


async def test_claude_is_stopped_by_its_button_and_the_rules_answer_stands(tmp_path: Path) -> None:
    async with ClaudeServer(HANG) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        working = await shows(s, "Claude looks into ticket")
        await s.click(working.ts, ids.INVESTIGATION_STOP)
        ended = await shows(s, "Claude was stopped by")
        assert ended.ts == working.ts
        assert len([one for one in thread(s) if "What is going on" in seen(one)]) == 1


async def test_what_claude_says_against_the_evidence_is_not_posted(tmp_path: Path) -> None:
    async with ClaudeServer(WRONG) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        ended = await shows(s, "what it said does not stand")
        assert seen(ended).count("The rules' answer stands") == 2  # its text, and its block
        assert not [one for one in thread(s) if "Out of memory." in seen(one)]


async def test_a_claude_that_fails_costs_nobody_the_rules_answer(tmp_path: Path) -> None:
    overloaded = Fails(529, "overloaded_error", "Overloaded")
    async with ClaudeServer(overloaded) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        await shows(s, "What is going on")
        assert "It took" in seen(await shows(s, "The rules' answer stands"))


async def test_a_claude_that_obeys_a_planted_order_reaches_nobody(tmp_path: Path) -> None:
    """Whatever it writes, in every field that it may write into, it stays words."""
    odd = claim("e4", "store:1", "now.exit_code", "equals", 137, words=ORDER)
    obeys = answers(
        *("out_of_memory", "store:1", odd),
        **{"certainty": "likely", "primary": ORDER, "next": ORDER, "answer": ORDER},
        **{"risks": [ORDER], "unseen": [ORDER], "commands": [ORDER]},
    )
    async with ClaudeServer(obeys) as claude, whole(tmp_path, claude) as s:
        await s.breaks("store:1")
        await shows(s, "Claude", 1)
        await s.ws.until(lambda: _ended(s))
        s.ws.acts.message("ana", "storage-alerts", "@tocsin what now?", s.card(0).ts)
        await shows(s, "asked:  what now?")
        await s.rig.idle()
        for one in thread(s):
            if one.user == s.ws.user("ana").id:
                continue
            assert "<!" not in one.text.replace("<!date", "")
            assert "<@UONCALL1>" not in one.text
            for part in _walk(one.blocks):
                assert part.get("type") not in ("link", "broadcast", "emoji", "usergroup")
                assert part.get("user_id") != "UONCALL1"
                if part.get("type") == "mrkdwn":
                    assert "evil" not in part["text"]
                assert part.get("type") != "rich_text_preformatted"


def _ended(s: Stage) -> bool:
    words = ("Claude looked into", "answer stands")
    return any(one in seen(m) for m in thread(s) for one in words)


def _walk(thing: Any) -> Iterator[dict[str, Any]]:
    if isinstance(thing, dict):
        yield thing
        for inner in thing.values():
            yield from _walk(inner)
    elif isinstance(thing, list | tuple):
        for inner in thing:
            yield from _walk(inner)
