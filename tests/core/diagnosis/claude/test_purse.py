"""Money, tokens, turns and time have hard ends, and every call is put aside for before it is made."""

import asyncio

import pytest

from core.diagnosis.claude.prices import MODELS, Price, Usage, cost, highest
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending
from core.errors import Invalid
from tests.claude_server import HANG, RESET, ClaudeServer, Fails, Turn, answers, calls, replace
from tests.core.diagnosis.claude.desk_rig import Book, Rig, piece_id, right, task


async def test_more_is_put_aside_before_a_call_than_it_comes_to():
    about = task()
    look = calls(("read_evidence", {"evidence": piece_id(about, "log", "store:4"), "offset": 0}))
    async with ClaudeServer(look, right(about)) as claude:
        rig = Rig(claude)
        result = await rig.ask(about)

    assert result.micro_dollars == 2 * cost(
        MODELS["claude-sonnet-5-5"].price, Usage(200, 100, 0, 4_000)
    )
    assert result.usage == Usage(400, 200, 0, 8_000)
    assert result.tokens == 8_600
    for n, (model, reserved) in enumerate(rig.book.reserved):
        assert model == "claude-sonnet-5-5"
        assert reserved >= rig.book.settled[n].micro_dollars
        assert rig.book.settled[n].outcome == "ok"


async def test_without_money_for_the_day_nothing_is_asked():
    about = task()
    async with ClaudeServer(right(about)) as claude:
        result = await Rig(claude, Book(limit=10)).ask(about)

    assert (result.ending, claude.bodies, result.calls) == (Ending.OVER_BUDGET, [], 0)
    assert "used up" in result.why
    assert result.why.endswith("The rules' answer stands.")


async def test_the_cap_of_one_diagnosis_shortens_the_answer_and_then_ends_it():
    about = task()
    async with ClaudeServer(right(about)) as claude:
        result = await Rig(claude, how={"max_micro_dollars": 130_000}).ask(about)
        assert result.ending is Ending.ANSWERED
        assert 3_000 <= claude.bodies[0]["max_tokens"] < 12_000

        result = await Rig(claude, how={"max_micro_dollars": 30_000}).ask(about)
        assert result.ending is Ending.OVER_BUDGET
        assert "$0.03" in result.why


async def test_a_dear_answer_ends_the_diagnosis_before_the_next_call():
    about = task()
    dear = calls(("list_evidence", {"kind": "", "entity": "", "offset": 0}))
    dear = replace(dear, usage={"input_tokens": 200_000, "output_tokens": 4_000})
    async with ClaudeServer(dear, right(about)) as claude:
        result = await Rig(claude).ask(about)

    assert (result.ending, len(claude.bodies)) == (Ending.OVER_BUDGET, 1)
    assert result.micro_dollars == 440_000


async def test_the_cap_on_tokens_counts_what_the_cache_gave_too():
    about = task()
    much = calls(("list_evidence", {"kind": "", "entity": "", "offset": 0}))
    much = replace(much, usage={"input_tokens": 1, "cache_read_input_tokens": 390_000})
    async with ClaudeServer(much, right(about)) as claude:
        result = await Rig(claude).ask(about)

    assert (result.ending, len(claude.bodies)) == (Ending.OVER_BUDGET, 1)
    assert "400,000 tokens" in result.why


async def test_a_service_that_counts_nothing_is_not_free():
    about = task()
    silent = replace(right(about), usage={})
    async with ClaudeServer(silent) as claude:
        result = await Rig(claude).ask(about)

    assert result.ending is Ending.ANSWERED
    assert result.usage.input > 10_000
    assert result.micro_dollars > 20_000


async def test_a_refused_call_costs_nothing_and_one_that_broke_off_what_it_said():
    about = task()
    script = (Fails(500), replace(right(about), cut=5), right(about))
    async with ClaudeServer(*script) as claude:
        rig = Rig(claude)
        result = await rig.ask(about)

    assert result.ending is Ending.ANSWERED
    first, second, third = (rig.book.settled[n] for n in range(3))
    assert (first.micro_dollars, first.outcome) == (0, "unreachable")
    assert second.usage.cache_write == 4_000
    assert second.usage.output > 100
    assert third.outcome == "ok"


@pytest.mark.parametrize("step", [RESET, HANG, Turn(cut=0)], ids=["reset", "late", "cut"])
async def test_a_call_of_which_nobody_saw_the_end_is_booked_at_its_highest_prompt(step):
    how = {"retries": 0, "larger": "", "quiet_s": 0.3}
    async with ClaudeServer(step) as claude:
        rig = Rig(claude, how=how)
        result = await rig.ask(task())

    assert result.ending is Ending.UNREACHABLE
    assert rig.book.settled[0].usage.input >= len(claude.raw[0]) // 2 * 0.9


async def test_a_stop_before_the_first_word_is_booked_at_its_highest_prompt():
    async with ClaudeServer(HANG) as claude:
        rig = Rig(claude)
        asking = asyncio.ensure_future(rig.ask(task()))
        while not claude.raw:
            await asyncio.sleep(0.01)
        rig.stop = True
        result = await asking

    assert result.ending is Ending.STOPPED
    assert rig.book.settled[0].usage.input >= len(claude.raw[0]) // 2 * 0.9


async def test_what_is_the_same_in_every_turn_is_marked_for_the_cache():
    about = task()
    look = [
        calls(("read_evidence", {"evidence": piece_id(about, "log", one), "offset": 0}))
        for one in ("store:4", "store:1")
    ]
    async with ClaudeServer(*look, right(about)) as claude:
        await Rig(claude).ask(about)

    def marked(body):
        blocks = [*body["tools"], *body["system"]]
        blocks += [block for one in body["messages"] for block in one["content"]]
        return [one for one in blocks if "cache_control" in one]

    assert [len(marked(one)) for one in claude.bodies] == [3, 4, 4]
    assert "cache_control" in claude.bodies[2]["messages"][-1]["content"][-1]
    for earlier, later in zip(claude.bodies, claude.bodies[1:], strict=False):
        assert earlier["tools"] == later["tools"]
        assert earlier["system"] == later["system"]
        assert earlier["output_config"] == later["output_config"]
        assert earlier["messages"][0] == later["messages"][0]


async def test_the_part_that_all_diagnoses_share_is_the_same_for_all():
    one, other = task("killed-by-docker"), task("slow-disk")
    async with ClaudeServer(answers("unknown", "store:4")) as claude:
        await Rig(claude, how={"larger": ""}).ask(one)
        await Rig(claude, how={"larger": ""}).ask(other)

    assert claude.bodies[0]["system"] == claude.bodies[-1]["system"]
    assert claude.bodies[0]["messages"] != claude.bodies[-1]["messages"]


def test_a_long_prompt_costs_more_where_the_price_says_so():
    price = Price(0.10, 0.50, 0.01, long_over=100_000, long_times=5.0)

    assert cost(price, Usage(input=100_000, output=1_000)) == 10_500
    assert cost(price, Usage(input=100_001, output=1_000)) == 52_501
    assert cost(price, Usage(cache_read=1)) == 1
    assert highest(price, 1_000, 1_000) == 625


def test_an_unknown_model_needs_a_price_and_the_error_names_the_known_ones():
    with pytest.raises(Invalid, match=r"'claude-next'.*2026-10-24.*claude-sonnet-5-5"):
        ClaudeSettings(model="claude-next")
    with pytest.raises(Invalid, match="claude-next"):
        ClaudeSettings(larger="claude-next")

    own = ClaudeSettings(model="claude-next", prices={"claude-next": Price(3, 15, 0.3)})
    assert own.known("claude-next").price.write == 3.75
    cheaper = ClaudeSettings(prices={"claude-sonnet-5-5": Price(1, 5, 0.1)})
    assert cheaper.known("claude-sonnet-5-5").price.input == 1
    assert cheaper.known("claude-sonnet-5-5").context == 1_000_000


def test_the_key_is_not_in_what_the_settings_print():
    assert "hunter2" not in repr(ClaudeSettings(api_key="hunter2", secrets=("hunter2",)))


async def test_an_odd_count_of_tokens_is_no_count():
    about = task()
    odd = Turn(right(about).blocks, usage={"input_tokens": -5, "output_tokens": "many"})
    async with ClaudeServer(odd) as claude:
        result = await Rig(claude).ask(about)

    assert result.ending is Ending.ANSWERED
    assert result.micro_dollars > 20_000
