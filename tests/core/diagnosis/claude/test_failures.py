"""However a call to Claude goes wrong, there is a result: why in words, and the rules' answer kept."""

import asyncio

import pytest

from core.diagnosis.claude.task import Ending, Result
from tests.claude_server import (
    HANG,
    KEY,
    RESET,
    ClaudeServer,
    Fails,
    Sends,
    Turn,
    answers,
    calls,
    says,
)
from tests.core.diagnosis.claude.desk_rig import Book, Rig, piece_id, right, task

QUICK = {"retries": 0, "larger": ""}


async def asked(*script, book=None, about=None, **how) -> tuple[Result, ClaudeServer]:
    about = about or task()
    async with ClaudeServer(*script) as claude:
        rig = Rig(claude, book or Book(), how=QUICK | how)
        result = await rig.ask(about)
    if result.diagnosis is None:
        assert result.why.endswith("The rules' answer stands.")
    return result, claude


@pytest.mark.parametrize(
    ("step", "ending", "said"),
    [
        (Fails(400, "invalid_request_error", "messages: wrong"), Ending.REJECTED, "messages: wrong"),
        (Fails(401, "authentication_error", "invalid x-api-key"), Ending.DENIED, "API key"),
        (Fails(402, "billing_error", "low credit"), Ending.DENIED, "billing"),
        (Fails(403, "permission_error", "no"), Ending.DENIED, "may not use"),
        (Fails(404, "not_found_error", "model: nope"), Ending.DENIED, "does not know"),
        (Fails(413, "request_too_large", "too large"), Ending.TOO_LONG, "too long"),
        (Fails(429, "rate_limit_error", "slow down"), Ending.BUSY, "too many requests"),
        (Fails(500), Ending.UNREACHABLE, "failed (500)"),
        (Fails(529, "overloaded_error", "Overloaded"), Ending.BUSY, "overloaded"),
        (RESET, Ending.UNREACHABLE, "reached"),
        (HANG, Ending.UNREACHABLE, "did not answer in time"),
        (Turn(cut=1), Ending.UNREACHABLE, "in the middle"),
        (says("{", cut=4), Ending.UNREACHABLE, "in the middle"),
        (says("{", last=4), Ending.UNREACHABLE, "in the middle"),
        (says("{", error="overloaded_error"), Ending.BUSY, "overloaded"),
        (says("{", error="api_error"), Ending.UNREACHABLE, "failed (500)"),
        (Turn(stop="refusal", details={"category": "cyber"}), Ending.REFUSED, "declined"),
        (Turn(), Ending.UNREADABLE, "no answer"),
        (says("Surely it is the disk."), Ending.UNREADABLE, "not a JSON object"),
        (says('{"cause": "process_killed"'), Ending.UNREADABLE, "JSON"),
        (says('{"cause": "process_killed"}'), Ending.UNREADABLE, "schema"),
        (answers("gremlins", "store:4"), Ending.UNREADABLE, "no cause"),
        (says("{", stop="max_tokens"), Ending.CUT_SHORT, "cut off"),
        (calls(("read_evidence", '{"eviden'), stop="max_tokens"), Ending.CUT_SHORT, "cut off"),
        (says("", stop="model_context_window_exceeded"), Ending.TOO_LONG, "too long"),
        (Fails(400, "invalid_request_error", "prompt is too long: 1"), Ending.TOO_LONG, "too long"),
        (Turn(({"type": "hologram", "depth": 3},), "weird"), Ending.UNREADABLE, "no answer"),
        (Turn(stop="pause_turn"), Ending.OUT_OF_TURNS, "no answer in the turns"),
        (Turn(stop="tool_use"), Ending.UNREADABLE, "no answer"),
        (Turn(stop=None), Ending.UNREADABLE, "no answer"),
        (Sends("event: message_start\ndata: {not json\n\n"), Ending.UNREADABLE, "not be read"),
        (Sends("<html>proxy</html>", "text/html"), Ending.UNREACHABLE, "in the middle"),
        (Sends(""), Ending.UNREACHABLE, "in the middle"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
async def test_every_failure_ends_in_words_and_the_rules_answer(step, ending, said):
    result, _ = await asked(step, quiet_s=0.3)

    assert (result.ending, result.diagnosis) == (ending, None)
    assert said in result.why
    assert KEY not in result.why


async def test_nobody_listening_is_said():
    about = task()
    claude = ClaudeServer()
    await claude.start()
    await claude.stop()
    result = await Rig(claude, how=QUICK).ask(about)

    assert result.ending is Ending.UNREACHABLE
    assert "reached" in result.why
    assert result.micro_dollars == 0


async def test_what_failed_on_the_way_is_asked_again_and_each_try_is_counted():
    about = task()
    script = (Fails(529, "overloaded_error", headers={"retry-after": "0"}), RESET, right(about))
    result, claude = await asked(*script, about=about, retries=2)

    assert result.ending is Ending.ANSWERED
    assert (result.calls, result.turns, len(claude.bodies)) == (3, 1, 3)


async def test_retry_after_is_waited_for_and_no_longer():
    about = task()
    script = (Fails(429, "rate_limit_error", headers={"retry-after": "0.4"}), right(about))
    result, claude = await asked(*script, about=about, retries=1)
    assert result.ending is Ending.ANSWERED
    assert result.seconds >= 0.4

    late = Fails(429, "rate_limit_error", headers={"retry-after": "3600"})
    result, claude = await asked(late, retries=2)
    assert (result.ending, len(claude.bodies)) == (Ending.BUSY, 1)


async def test_an_answer_that_is_cut_off_is_asked_for_once_more_with_more_room():
    about = task()
    script = (calls(("read_evidence", '{"evid'), stop="max_tokens"), right(about))
    result, claude = await asked(*script, about=about, answer_tokens=4_000, max_micro_dollars=10**9)

    assert result.ending is Ending.ANSWERED
    assert [one["max_tokens"] for one in claude.bodies] == [4_000, 8_000]
    assert len(claude.bodies[1]["messages"]) == 1


async def test_what_is_too_long_is_asked_with_less():
    about = task(whole=True)
    overlong = Fails(400, "invalid_request_error", "prompt is too long: 2000001 tokens")
    result, claude = await asked(overlong, right(about), about=about)

    assert result.ending is Ending.ANSWERED
    assert len(claude.raw[1]) < len(claude.raw[0]) * 0.7


async def test_old_tool_results_are_dropped_first_when_it_grows_too_long():
    about = task()
    read = [
        calls(("read_evidence", {"evidence": piece_id(about, "log", one), "offset": 0}))
        for one in ("store:4", "store:1")
    ]
    full = says("", stop="model_context_window_exceeded")
    result, claude = await asked(*read, full, right(about), about=about)

    assert result.ending is Ending.ANSWERED
    before, after = claude.bodies[2]["messages"], claude.bodies[3]["messages"]
    assert before[0] == after[0]
    assert "dropped" in after[2]["content"][0]["content"][0]["text"]
    assert after[4]["content"][0]["content"] == before[4]["content"][0]["content"]


async def test_a_service_that_knows_no_schema_is_asked_without_one():
    about = task()
    no_schema = Fails(400, "invalid_request_error", "output_config: Extra inputs are not permitted")
    result, claude = await asked(no_schema, right(about), about=about)

    assert result.ending is Ending.ANSWERED
    assert "output_config" not in claude.bodies[1]
    assert all("strict" not in one for one in claude.bodies[1]["tools"])
    assert "JSON object of this schema" in claude.bodies[1]["messages"][0]["content"][-1]["text"]


async def test_an_answer_without_end_is_broken_off():
    result, _ = await asked(says("x" * 900_000))

    assert (result.ending, result.why[:29]) == (Ending.UNREADABLE, "Claude's answer had no end. T")
    assert result.usage.output > 100_000


async def test_a_wrong_form_may_be_mended_and_what_was_said_goes_back_verbatim():
    about = task()
    thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    odd = {"type": "hologram", "depth": 3}
    said = {"type": "text", "text": "It is the disk."}
    result, claude = await asked(Turn((thinking, odd, said)), right(about), about=about)

    assert result.ending is Ending.ANSWERED
    assert claude.bodies[1]["messages"][1] == {
        "role": "assistant",
        "content": [thinking, odd, said],
    }
    assert "not a JSON object" in claude.bodies[1]["messages"][2]["content"][0]["text"]


async def test_empty_text_beside_a_tool_is_not_sent_back():
    about = task()
    use = calls(("list_evidence", {"kind": "any", "entity": "any", "offset": 0})).blocks
    both = Turn(({"type": "text", "text": ""}, *use), "tool_use")
    result, claude = await asked(both, right(about), about=about)

    assert result.ending is Ending.ANSWERED
    assert [one["type"] for one in claude.bodies[1]["messages"][1]["content"]] == ["tool_use"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("read_evidence", {"evidence": "e9999", "offset": 0}, "no piece"),
        ("read_evidence", {"evidence": "e1"}, "do not fit"),
        ("read_evidence", {"evidence": "e1", "offset": "0"}, "do not fit"),
        ("read_evidence", {"evidence": "e1", "offset": -5}, "offset"),
        ("read_evidence", {"evidence": "e1", "offset": 0, "path": "/etc/passwd"}, "do not fit"),
        ("read_evidence", '{"evidence": "e1"', "not a JSON object"),
        ("read_evidence", "[1]", "not a JSON object"),
        ("read_evidence", '{"evidence":' + "[" * 900 + "]" * 900 + "}", "not a JSON object"),
        ("read_evidence", '{"evidence":"' + "x" * 40_000 + '"}', "not a JSON object"),
        ("search_evidence", {"text": " ", "kind": ""}, "what to look for"),
        ("search_evidence", {"text": "x" * 9_000, "kind": ""}, "longer than"),
        ("run_command", {"command": "rm -rf /"}, "no tool"),
        ("ask_pd", {"path": "/stores"}, "no tool"),
    ],
)  # fmt: skip
async def test_a_wrong_call_is_answered_as_an_error_and_the_talk_goes_on(name, given, said):
    about = task()
    result, claude = await asked(calls((name, given)), right(about), about=about)

    assert result.ending is Ending.ANSWERED
    [told] = claude.bodies[1]["messages"][-1]["content"]
    assert told["is_error"] is True
    assert said in told["content"][0]["text"]


async def test_a_model_that_only_asks_is_ended_and_was_told_when_its_last_turn_came():
    n = iter(range(100))

    def more(_body):
        return calls(("search_evidence", {"text": f"word {next(n)}", "kind": ""}))

    result, claude = await asked(more, max_turns=4)

    assert result.ending is Ending.OUT_OF_TURNS
    assert len(claude.bodies) == 4
    assert "last turn" in claude.bodies[-1]["messages"][-1]["content"][-1]["text"]
    assert claude.bodies[-1]["tool_choice"] == {"type": "none"}
    assert all("tool_choice" not in one for one in claude.bodies[:-1])


async def test_a_model_that_asks_the_same_over_and_over_is_ended():
    same = calls(*[("list_evidence", {"kind": "", "entity": "", "offset": 0})] * 5)
    result, claude = await asked(same, max_turns=20)

    assert result.ending is Ending.OUT_OF_TURNS
    assert "over and over" in result.why
    assert len(claude.bodies) == 1


async def test_more_tools_than_a_turn_may_have_are_refused_one_by_one():
    about = task(whole=True)
    many = calls(*(("read_evidence", {"evidence": f"e{n}", "offset": 0}) for n in range(1, 13)))
    result, claude = await asked(many, right(about), about=about)

    assert result.ending is Ending.ANSWERED
    told = claude.bodies[1]["messages"][-1]["content"]
    assert [bool(one.get("is_error")) for one in told] == [False] * 8 + [True] * 4


async def test_time_runs_out_within_a_stream():
    held = asyncio.Event()
    result, _ = await asked(says("{}", held=held), max_seconds=0.5)

    assert result.ending is Ending.OUT_OF_TIME
    assert result.micro_dollars > 0


async def test_stop_in_the_middle_of_an_answer_ends_it_at_once():
    about = task()
    held, started = asyncio.Event(), asyncio.Event()
    async with ClaudeServer(says("{}", held=held, started=started)) as claude:
        rig = Rig(claude)
        asking = asyncio.ensure_future(rig.ask(about))
        await started.wait()
        rig.stop = True
        result = await asyncio.wait_for(asking, 2)

    assert (result.ending, result.diagnosis) == (Ending.STOPPED, None)
    assert result.why == "Claude was stopped. The rules' answer stands."
    assert result.micro_dollars > 0


async def test_stop_before_it_began_asks_nothing():
    about = task()
    async with ClaudeServer(right(about)) as claude:
        rig = Rig(claude, stop=True)
        result = await rig.ask(about)

    assert (result.ending, claude.bodies, result.micro_dollars) == (Ending.STOPPED, [], 0)


async def test_a_cancelled_diagnosis_settles_what_it_had_put_aside():
    held, started = asyncio.Event(), asyncio.Event()
    async with ClaudeServer(says("{}", held=held, started=started)) as claude:
        rig = Rig(claude)
        asking = asyncio.ensure_future(rig.ask(task()))
        await started.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert len(rig.book.settled) == len(rig.book.reserved) == 1
    assert rig.book.settled[0].usage.cache_write == 4_000
    assert rig.book.settled[0].outcome == "broken off"
