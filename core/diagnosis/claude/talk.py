"""One conversation with one model: turn by turn, until it answers in the form that it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from core.diagnosis.claude import fence, prompt, schema
from core.diagnosis.claude.desk import Desk, Told
from core.diagnosis.claude.plain import plain
from core.diagnosis.claude.prices import Usage
from core.diagnosis.claude.purse import Purse
from core.diagnosis.claude.reply import Assembly, Reply, ToolUse
from core.diagnosis.claude.task import Ending, Means, Progress, Task
from core.diagnosis.claude.verdict import Verdict, judge
from core.diagnosis.claude.watch import Watch
from core.diagnosis.claude.wire import Failed, Wire
from core.errors import Invalid

MAX_TOOLS_A_TURN = 8
MAX_REPEATS = 3
MAX_MENDS = 2
LONGEST_WAIT_S = 30.0
_DROPPED = "[dropped for lack of room; ask again if you need it]"
_LAST = (
    "This is your last turn: answer now, in the form that you were given, from what you have seen."
)


class Talk:
    """What has been said so far, and what is left to try."""

    def __init__(
        self,
        task: Task,
        means: Means,
        wire: Wire,
        purse: Purse,
        watch: Watch,
        *,
        model: str,
        turns: int,
        desk: Desk,
        earlier: Any = None,
    ) -> None:
        self._task, self._means, self._wire = task, means, wire
        self._purse, self._watch, self._desk = purse, watch, desk
        self._model = means.settings.known(model)
        self._hidden = means.settings.hidden
        self._left = turns
        self._earlier = earlier
        self._room = prompt.IN_FULL
        self._answer = means.settings.answer_tokens
        self._messages: list[dict[str, Any]] = []
        self._base: dict[str, Any] | None = None
        self._formless = False
        self._told, self._known = 0, 0
        self._retries = means.settings.retries
        self._mends, self._shrunk, self._doubled = 0, 0, False
        self.looked_at: list[str] = []

    def _begin(self) -> dict[str, Any]:
        made = prompt.body(
            self._task,
            self._means.settings,
            self._means.live,
            model=self._model.name,
            room=self._room,
            earlier=self._earlier,
        )
        return prompt.formless(made) if self._formless else made

    async def verdict(self) -> Verdict:
        """The checked answer; Failed, with words, if there comes none."""
        while True:
            reply = await self._turn()
            if reply.tools:
                await self._use(reply)
            elif reply.stop == "pause_turn":
                self._say(reply, [])
            else:
                verdict = await self._conclude(reply)
                if verdict is not None:
                    return verdict

    async def _turn(self) -> Reply:
        if self._left <= 0:
            raise Failed(Ending.OUT_OF_TURNS, "Claude came to no answer in the turns that it has.")
        self._left -= 1
        self._purse.turns += 1
        await self._progress(f"asks {self._model.name}")
        while True:
            try:
                reply = await self._attempt()
            except Failed as failed:
                await self._again(failed)
                continue
            if self._whole(reply):
                return reply

    def _whole(self, reply: Reply) -> bool:
        """Whether this reply can be worked with; otherwise another is to be asked for. Failed if not that, either."""
        if reply.stop == "refusal":
            about = f" ({plain(reply.refused, 40)})" if reply.refused else ""
            raise Failed(Ending.REFUSED, f"Claude declined to look at this{about}.")
        if reply.stop == "model_context_window_exceeded":
            self._shrink()
            return False
        if reply.stop != "max_tokens":
            return True
        # What was cut off may be half a tool call: it is never carried out.
        if self._doubled:
            raise Failed(Ending.CUT_SHORT, "Claude's answer was cut off for its length, twice.")
        self._doubled = True
        self._answer *= 2
        return False

    async def _again(self, failed: Failed) -> None:
        """Make the next attempt possible, or let the failure stand."""
        if failed.ending is Ending.TOO_LONG:
            return self._shrink()
        if failed.plainer and not self._formless:
            # A model or proxy that takes no schemas: the form is checked here anyway.
            self._formless, self._base = True, None
            return None
        wait = 2.0 ** (self._means.settings.retries - self._retries)
        wait = wait if failed.after is None else failed.after
        if not failed.again or self._retries <= 0 or wait > min(LONGEST_WAIT_S, self._watch.left_s):
            raise failed
        self._retries -= 1
        await self._progress(f"waits {wait:.0f} s: {failed.words}")
        await self._watch.wait(wait)
        return None

    def _shrink(self) -> None:
        """Make the next request shorter: first without old tool results, then with less evidence in full."""
        self._shrunk += 1
        results = [one for one in self._messages if one["role"] == "user"][:-1]
        if self._shrunk == 1 and results:
            for message in results:
                message["content"] = [_without(block) for block in message["content"]]
        elif self._shrunk <= 2 and self._room == prompt.IN_FULL:
            self._room = prompt.IN_FULL // 6
            self._base = None
        else:
            raise Failed(Ending.TOO_LONG, "The evidence is too long for Claude.")
        self._told = self._known = 0

    async def _attempt(self) -> Reply:
        self._watch.look()
        if self._base is None:
            # Thousands of texts are searched for secrets: not on the loop.
            self._base = await asyncio.to_thread(self._begin)
        body = self._body(self._base)
        guess = self._purse.estimate(body, self._told, self._known)
        answer = self._purse.answer_tokens(self._model, guess, self._answer)
        body["max_tokens"] = answer
        heard, outcome = Assembly(), "broken off"
        usage: Usage | None = None
        reservation = await self._purse.reserve(self._model, guess, answer)
        try:
            reply = await self._watch.over(self._wire.send(body, heard), self._telling(heard))
            outcome, usage = "ok", reply.usage
            # A service that counts nothing is not free.
            if usage.total == usage.output:
                usage = replace(heard.guessed, input=guess)
            self._told, self._known = self._purse.size(body), usage.total - usage.output
            return reply
        except Failed as failed:
            outcome, usage = str(failed.ending), failed.usage
            raise
        finally:
            if usage is None:
                # Nobody saw its end: what was sent counts, and what was heard.
                usage = heard.guessed if heard.begun else Usage(input=guess)
            await self._purse.settle(reservation, self._model, usage, outcome)

    def _body(self, base: dict[str, Any]) -> dict[str, Any]:
        messages = [*base["messages"], *self._messages]
        if len(messages) > 1 and messages[-1]["role"] == "user":
            # The moving end of what is cached: the next turn begins with all of this.
            *rest, last = messages[-1]["content"]
            cached = {**last, "cache_control": {"type": "ephemeral"}}
            messages[-1] = {"role": "user", "content": [*rest, cached]}
        body = {**base, "messages": messages}
        if self._left == 0 and len(messages) > 1:
            body["tool_choice"] = {"type": "none"}
        return body

    def _say(self, reply: Reply, blocks: list[dict[str, Any]]) -> None:
        """Add what was replied, verbatim, and what we say to it."""
        if reply.content:
            self._messages.append({"role": "assistant", "content": list(reply.content)})
        if self._left == 1:
            blocks.append({"type": "text", "text": _LAST})
        if blocks:
            self._messages.append({"role": "user", "content": fence.scrub(blocks, self._hidden)})

    async def _use(self, reply: Reply) -> None:
        """Carry out what was asked for; every call gets its one answer, in order."""
        results = []
        for n, use in enumerate(reply.tools):
            told = await self._one(n, use)
            if told.looked_at:
                self.looked_at.append(plain(told.looked_at, 80))
            results.append(_result(use, told))
        self._say(reply, results)
        if self._desk.repeats > MAX_REPEATS:
            raise Failed(Ending.OUT_OF_TURNS, "Claude asked the same over and over.")
        seen = ", ".join(self.looked_at[-3:])
        await self._progress(f"looked at {seen}" if seen else "found no such evidence")

    async def _one(self, n: int, use: ToolUse) -> Told:
        if n >= MAX_TOOLS_A_TURN:
            return Told(f"Too many at once: at most {MAX_TOOLS_A_TURN} in a turn.", "", True)
        if use.given is None:
            return Told("The arguments are not a JSON object.", "", True)
        self._watch.look()
        return await self._watch.over(self._desk.carry_out(use.name, use.given))

    async def _conclude(self, reply: Reply) -> Verdict | None:
        """The verdict; None if the model gets another try at writing it down."""
        try:
            if not reply.text.strip():
                raise Invalid("There was no answer.")
            said = schema.read(reply.text)
        except Invalid as error:
            self._mends += 1
            if self._mends > MAX_MENDS or self._left <= 0:
                words = f"Claude's answer cannot be used: {plain(error.text, 160)}"
                raise Failed(Ending.UNREADABLE, words) from None
            self._mend(reply, f"{fence.data(error.text)} Answer again, in the form that was given.")
            return None
        about = (said, self._task, self._desk.snapshot, self._model.name)
        return await asyncio.to_thread(judge, *about)

    def _mend(self, reply: Reply, words: str) -> None:
        if reply.content:
            self._say(reply, [{"type": "text", "text": words}])
        elif self._messages and self._messages[-1]["role"] == "user":
            # Nothing came, and nothing may not be sent back: say it beside what was said last.
            self._messages[-1]["content"].append({"type": "text", "text": words})
        # On the first turn the same request is made once more as it was.

    def _telling(self, heard: Assembly) -> Callable[[], Awaitable[None]]:
        """Tells what the model is at whenever that changes."""
        told = ""

        async def tell() -> None:
            nonlocal told
            if heard.doing not in ("", told):
                told = heard.doing
                await self._progress(f"{self._model.name} {told}")

        return tell

    async def _progress(self, text: str) -> None:
        if self._means.progress is not None:
            told = Progress(plain(text, 160), self._purse.turns, self._purse.micro_dollars)
            await self._means.progress(told)


def _result(use: ToolUse, told: Told) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "tool_result", "tool_use_id": use.id}
    made["content"] = [{"type": "text", "text": told.text}]
    return {**made, "is_error": True} if told.failed else made


def _without(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") != "tool_result":
        return block
    return {**block, "content": [{"type": "text", "text": _DROPPED}]}
