"""Live sources may be asked, read-only and within limits; what they say becomes evidence like the rest."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from core.clients import pd_paths
from core.diagnosis.claims import run
from core.diagnosis.claude import tools
from core.diagnosis.claude.desk import portion
from core.diagnosis.claude.prompt import payload
from core.diagnosis.claude.task import Ending, Live
from core.diagnosis.model import Piece, Query
from core.errors import Invalid, Unavailable
from tests.claude_server import HANG, ClaudeServer, calls, claim, replace
from tests.core.diagnosis.claude.desk_rig import Book, Heard, Rig, piece_id, right, task

PATHS = ("/stores", r"/store/\d{1,20}", "/operators")
READINGS = (("store/qps", "sum(rate(tikv_grpc_msg_duration_seconds_count[1m]))"),)


@dataclass
class Source:
    """Live sources that answer with what a test gave them."""

    content: object = field(default_factory=lambda: {"body": [], "status": 200})
    asked: list[tuple[Query, str, tuple[float, float]]] = field(default_factory=list)

    async def __call__(self, query, entity, window):
        self.asked.append((query, entity, window))
        if self.content is HANG:
            await asyncio.Event().wait()
        if isinstance(self.content, Exception):
            raise self.content
        kind = {"promql": "reading", "pd": "pd", "log": "log"}[query.kind]
        return Piece("", kind, query.text, entity, window[1], window, self.content)

    @property
    def live(self):
        return Live(self, ("store:4", "store:1", "pd", "cluster"), PATHS, READINGS)


async def asked(source, *wanted, then=None):
    about = task()
    async with ClaudeServer(calls(*wanted), then or right(about)) as claude:
        rig = Rig(claude, live=source.live)
        result = await rig.ask(about)
    return result, claude, claude.bodies[1]["messages"][-1]["content"]


async def test_a_live_answer_becomes_a_piece_that_claims_may_cite_and_code_checks():
    source = Source({"now": 0.0, "points": []})
    zero = claim("q1", "store:4", "now", "at_most", 0.0, words="It serves nothing.")
    result, _, told = await asked(
        source,
        ("ask_prometheus", {"query": "tikv_up", "entity": "store:4", "minutes": 5}),
        then=right_with(zero),
    )

    assert result.ending is Ending.ANSWERED
    [piece] = result.added
    assert (piece.id, piece.kind, piece.entity) == ("q1", "reading", "store:4")
    assert result.snapshot.pieces[-1] == piece
    assert '"id":"q1"' in told[0]["content"][0]["text"]
    assert result.diagnosis is not None
    [cited] = [one for one in result.diagnosis.claims if one.check.evidence == "q1"]
    assert cited.check.query == Query("promql", "tikv_up")
    assert run(cited, result.snapshot).stands
    assert not run(cited, task().snapshot).stands
    [(query, entity, window)] = source.asked
    assert (query, entity) == (Query("promql", "tikv_up"), "store:4")
    assert window[1] - window[0] == 300


def right_with(extra):
    def step(_body):
        made = right(task())
        said = json.loads(made.blocks[0]["text"])
        said["claims"].append(extra)
        return type(made)(({"type": "text", "text": json.dumps(said)},))

    return step


async def test_a_claim_about_a_live_answer_with_the_wrong_value_is_struck():
    wrong = claim("q1", "store:4", "now", "at_least", 5.0, words="It serves much.")
    result, _, _ = await asked(
        Source({"now": 0.0}),
        ("ask_prometheus", {"query": "tikv_up", "entity": "store:4", "minutes": 5}),
        then=right_with(wrong),
    )

    assert result.diagnosis is not None
    assert result.diagnosis.struck == ("It serves much. (fails)",)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("ask_pd", {"path": "/admin/reset-ts"}, "may not be read"),
        ("ask_pd", {"path": "/store/4/../../x"}, "may not be read"),
        ("ask_pd", {"path": "/store/"}, "may not be read"),
        ("ask_prometheus", {"query": "up", "entity": "store:99", "minutes": 5}, "There is no"),
        ("ask_prometheus", {"query": " ", "entity": "store:4", "minutes": 5}, "empty"),
        ("ask_prometheus", {"query": "x" * 501, "entity": "store:4", "minutes": 5}, "longer"),
        ("ask_prometheus", {"query": "up", "entity": "store:4", "minutes": 100_000}, "Minutes"),
        ("ask_prometheus", {"query": "up", "entity": "store:4", "minutes": 0}, "Minutes"),
        ("filter_log", {"entity": "store:4"}, "do not fit"),
        ("filter_log", {"entity": "store:4", "text": "<!channel>", "minutes": 5}, "mentions"),
        (
            "ask_prometheus",
            {"query": 'x{a="https://evil.example"}', "entity": "pd", "minutes": 5},
            "Links",
        ),
    ],
)
async def test_what_may_not_be_asked_never_reaches_the_source(name, given, said):
    source = Source()
    result, _, told = await asked(source, (name, given))

    assert (source.asked, result.added) == ([], ())
    assert told[0]["is_error"] is True
    assert said in told[0]["content"][0]["text"]


async def test_a_path_of_the_list_is_read():
    source = Source()
    result, _, told = await asked(source, ("ask_pd", {"path": "/store/4"}))

    assert source.asked[0][0] == Query("pd", "/store/4")
    assert "is_error" not in told[0]
    assert result.ending is Ending.ANSWERED


async def test_a_figure_may_be_asked_for_by_its_name():
    source = Source({"now": 1.0})
    wanted = {"query": "store/qps", "entity": "store:4", "minutes": 5}
    await asked(source, ("ask_prometheus", wanted))

    assert source.asked[0][0] == Query("promql", dict(READINGS)["store/qps"])


@pytest.mark.parametrize("path", ["/store/4", "/schedulers?status=paused", "/config/replicate"])
def test_the_read_paths_of_pd_are_understood(path):
    assert tools.allowed(path, pd_paths.READS)
    assert pd_paths.allowed(path)


@pytest.mark.parametrize("error", [Invalid("no such path"), Unavailable("PD is away")])
async def test_a_source_that_refuses_or_is_away_is_told_to_the_model_and_nobody_else(error):
    result, _, told = await asked(Source(error), ("ask_pd", {"path": "/stores"}))

    assert told[0]["is_error"] is True
    assert error.text in told[0]["content"][0]["text"]
    assert (result.ending, result.added) == (Ending.ANSWERED, ())


async def test_the_live_cluster_is_asked_a_dozen_times_at_most():
    source = Source()
    about = task()
    turns = [
        calls(*(("ask_pd", {"path": f"/store/{n}"}) for n in range(start, start + 8)))
        for start in (0, 8)
    ]
    async with ClaudeServer(*turns, right(about)) as claude:
        result = await Rig(claude, live=source.live).ask(about)

    assert len(source.asked) == len(result.added) == tools.MAX_LIVE
    last = claude.bodies[2]["messages"][-1]["content"]
    assert [bool(one.get("is_error")) for one in last] == [False] * 4 + [True] * 4


async def test_a_huge_answer_is_cut_head_and_tail_and_the_rest_can_be_read():
    lines = [{"at": float(n), "text": f"line {n} " + "x" * 60} for n in range(190)]
    source = Source({"lines": lines})
    about = task()
    script = (
        calls(("filter_log", {"entity": "store:4", "text": "", "minutes": 5})),
        calls(("read_evidence", {"evidence": "q1", "offset": 4_000})),
        right(about),
    )
    async with ClaudeServer(*script) as claude:
        await Rig(claude, live=source.live).ask(about)

    first = claude.bodies[1]["messages"][-1]["content"][0]["content"][0]["text"]
    second = claude.bodies[2]["messages"][-1]["content"][0]["content"][0]["text"]
    assert "line 0 " in first
    assert "line 189 " in first
    assert "line 100 " not in first
    assert "characters left out here: q1 from offset 4000" in first
    assert len(first) < 7_000
    assert "characters more: q1 from offset 10000" in second


def test_every_character_of_a_long_text_can_be_read_by_offsets():
    said = "".join(chr(97 + n % 26) for n in range(20_000))
    read, at = "", 4_000
    while at < len(said):
        page = portion(said, "e1", at).split("\n[")[0]
        read, at = read + page, at + len(page)

    assert said[:4_000] + read == said
    assert portion(said, "e1", 30_000) == "[there are only 20000 characters]"
    assert portion("short", "e1", 0) == "short"


async def test_a_source_that_hangs_is_left_after_its_time():
    about = task()
    hanging = Source(HANG)
    async with ClaudeServer(calls(("ask_pd", {"path": "/stores"})), right(about)) as claude:
        rig = Rig(claude, live=hanging.live)
        asking = asyncio.ensure_future(rig.ask(about))
        while not hanging.asked:
            await asyncio.sleep(0.01)
        rig.stop = True
        result = await asyncio.wait_for(asking, 2)

    assert result.ending is Ending.STOPPED


async def test_live_enums_are_those_of_the_cluster():
    about = task()
    body = payload(about, Rig(ClaudeServer()).settings, Source().live)
    offered = {one["name"]: one["input_schema"]["properties"] for one in body["tools"]}

    assert "store:4" in offered["ask_prometheus"]["entity"]["enum"]
    assert "q12" in offered["read_evidence"]["evidence"]["enum"]
    assert r"/store/\d{1,20}" in offered["ask_pd"]["path"]["description"]
    assert "store/qps" in offered["ask_prometheus"]["query"]["description"]
    plain = Live(Source(), (), ("/stores", "/health"))
    [pd] = [one for one in tools.offered(about.snapshot, plain) if one["name"] == "ask_pd"]
    assert pd["input_schema"]["properties"]["path"]["enum"] == ["/stores", "/health"]
    without = payload(about, Rig(ClaudeServer()).settings)
    assert [one["name"] for one in without["tools"]] == [
        "list_evidence", "read_evidence", "search_evidence",
    ]  # fmt: skip


async def test_two_diagnoses_at_once_do_not_mix():
    one, other = task(), task(question="What of store 1?")

    def step(body):
        last = body["messages"][-1]["content"]
        if last[-1]["type"] != "tool_result":
            text = last[-1]["text"]
            wanted = "store:1" if "What of store 1" in text else "store:4"
            return calls(("list_evidence", {"kind": "store", "entity": wanted, "offset": 0}))
        told = last[-1]["content"][0]["text"]
        return right(task(), answer="store 1" if '"entity":"store:1"' in told else "store 4")

    async with ClaudeServer(step) as claude:
        rig, same = Rig(claude), Rig(claude)
        a, b = await asyncio.gather(rig.ask(one), same.ask(other))

    assert (a.ending, b.ending) == (Ending.ANSWERED, Ending.ANSWERED)
    assert (a.answer, b.answer and b.answer.words) == (None, "store 1")
    assert (a.turns, b.turns) == (2, 2)
    assert len(rig.book.settled) == len(same.book.settled) == 2


async def test_progress_is_told_in_our_words():
    about = task()
    look = calls(("read_evidence", {"evidence": piece_id(about, "log", "store:4"), "offset": 0}))
    async with ClaudeServer(look, right(about)) as claude:
        rig = Rig(claude, Book(), Heard())
        result = await rig.ask(about)

    # What the model is at in between is told only where it takes long enough to be seen.
    told = [one for one in rig.heard.told if not one.text.startswith("claude")]
    assert [one.turn for one in told] == [1, 1, 2]
    assert told[0].text == "asks claude-sonnet-5-5"
    assert "log of store:4" in told[1].text
    assert told[1].micro_dollars > 0
    assert result.looked_at == (f"{piece_id(about, 'log', 'store:4')}, log of store:4",)


async def test_it_is_told_what_the_model_is_at_while_it_takes_its_time():
    held, started = asyncio.Event(), asyncio.Event()
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    slow = replace(right(task()), held=held, started=started)
    async with ClaudeServer(replace(slow, blocks=(thought, *slow.blocks))) as claude:
        rig = Rig(claude)
        asking = asyncio.ensure_future(rig.ask(task()))
        await started.wait()
        while not any("writes its answer" in one.text for one in rig.heard.told):
            await asyncio.sleep(0.02)
        held.set()
        result = await asking

    assert result.ending is Ending.ANSWERED
    assert [one.text for one in rig.heard.told if "writes" in one.text] == [
        "claude-sonnet-5-5 writes its answer"
    ]


def test_nothing_of_anthropic_is_loaded_before_it_is_called():
    said = (
        "import sys; import core.diagnosis.claude.loop, core.diagnosis.claude.prompt; "
        "print([one for one in sys.modules if one.startswith(('anthropic', 'httpx2'))])"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
