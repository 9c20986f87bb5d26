"""Claude is asked over HTTP, may look things up, and its answer is checked before it counts."""

from core.diagnosis.claims import every, run
from core.diagnosis.claude.prompt import payload
from core.diagnosis.claude.task import Ending
from core.diagnosis.model import Certainty
from tests.claude_server import ClaudeServer, calls
from tests.core.diagnosis.claude.desk_rig import Rig, piece_id, right, task


async def test_a_right_answer_is_a_diagnosis_whose_every_claim_holds():
    about = task()
    async with ClaudeServer(right(about)) as claude:
        result = await Rig(claude).ask(about)

    assert (result.ending, result.why) == (Ending.ANSWERED, "")
    assert result.diagnosis is not None
    assert result.diagnosis.cause == "process_killed"
    assert result.diagnosis.certainty is Certainty.CONFIRMED
    assert result.diagnosis.made_by == "claude-sonnet-5-5"
    assert all(run(one, result.snapshot).stands for one in every(result.diagnosis))
    assert all(one.seal for one in result.diagnosis.claims)


async def test_the_first_request_is_exactly_what_the_payload_says():
    about = task()
    async with ClaudeServer(right(about)) as claude:
        rig = Rig(claude)
        await rig.ask(about)

    assert claude.bodies[0] == payload(about, rig.settings)


async def test_tools_read_and_the_answers_come_back_in_order():
    about = task()
    container = piece_id(about, "container", "store:4")
    first = calls(
        ("read_evidence", {"evidence": container, "offset": 0}),
        ("search_evidence", {"text": "SIGKILL", "kind": ""}),
        ("list_evidence", {"kind": "log", "entity": "", "offset": 0}),
    )
    async with ClaudeServer(first, right(about)) as claude:
        rig = Rig(claude)
        result = await rig.ask(about)

    assert result.ending is Ending.ANSWERED
    assert (result.turns, result.calls) == (2, 2)
    answered = claude.bodies[1]["messages"][-1]["content"]
    asked = claude.bodies[1]["messages"][-2]["content"]
    assert [one["tool_use_id"] for one in answered] == [one["id"] for one in asked]
    assert '"exit_code":137' in answered[0]["content"][0]["text"]
    assert any(container in one.text for one in rig.heard.told)
