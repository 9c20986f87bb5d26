"""No secret leaves: not from evidence, live answers, questions, errors or settings."""

import json
from dataclasses import replace

import pytest

from core.diagnosis.claude.fence import scrub
from core.diagnosis.claude.prompt import payload
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending, Live
from core.diagnosis.model import Piece
from core.redact import redact
from tests.claude_server import KEY, ClaudeServer, Fails, calls, says
from tests.core.diagnosis.claude.desk_rig import Rig, piece_id, right, task
from tests.core.diagnosis.secrets_planted import PLANTED


@pytest.mark.parametrize("kind", PLANTED)
async def test_a_planted_secret_is_in_no_request(kind):
    secret, template = PLANTED[kind]
    said = template.format(secret)
    about = task()
    log, store = piece_id(about, "log", "store:4"), piece_id(about, "store", "store:4")

    async def ask(query, entity, window):
        content = {"lines": [{"at": window[1], "text": said}], "note": {said: said}}
        return Piece("", "log", said, entity, window[1], window, content)

    about = task(
        question=f"What is {said}?",
        **{
            log: {"content": {"lines": [{"at": 1.0, "level": "INFO", "text": said}]}},
            store: {"content": {"now": {"labels": {"note": said}}}, "source": said},
        },
    )
    look = calls(
        ("read_evidence", {"evidence": log, "offset": 0}),
        ("search_evidence", {"text": "here", "kind": ""}),
        ("filter_log", {"entity": "store:4", "text": "", "minutes": 5}),
        ("read_evidence", {"evidence": "q1", "offset": 0}),
        ("ask_pd", {"path": "/stores"}),
    )
    live = Live(ask, ("store:4",), ("/stores",))
    script = (look, says("no"), right(task()))
    async with ClaudeServer(*script) as claude:
        how = {"secrets": ("correct-horse-battery",)}
        result = await Rig(claude, live=live, how=how).ask(about)

    assert len(claude.raw) >= 3
    for raw in claude.raw:
        assert secret.encode() not in raw
        assert json.dumps(secret)[1:-1].encode() not in raw
    assert all(secret not in json.dumps(one.content) for one in result.added) or kind == "known"
    assert len(result.added) == 2
    assert all(secret not in one.source for one in result.added) or kind == "known"


async def test_the_key_is_in_the_header_alone_and_no_other_credential_is_used(monkeypatch):
    about = task()
    log = piece_id(about, "log", "store:4")
    about = task(question=KEY, **{log: {"content": {"lines": [{"at": 1, "text": f"x{KEY}x"}]}}})
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-credential")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    async with ClaudeServer(right(task(), answer="No.")) as claude:
        result = await Rig(claude).ask(about)

    assert result.ending is Ending.ANSWERED
    assert claude.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in claude.raw[0]
    assert b"another-credential" not in claude.raw[0]


async def test_what_the_service_says_back_is_redacted_in_what_people_read():
    echo = Fails(401, "authentication_error", f"bad key {KEY}")
    async with ClaudeServer(echo) as claude:
        result = await Rig(claude).ask(task())

    assert "bad key [secret]" in result.why


async def test_a_key_of_no_known_form_is_redacted_too():
    echo = Fails(
        401, "authentication_error", "bad key of-the-house-42 <!channel> https://x.example/y"
    )
    async with ClaudeServer(echo) as claude:
        result = await Rig(claude, how={"api_key": "of-the-house-42"}).ask(task())

    assert "bad key [secret] ‹!channel> (link left out)" in result.why


def test_secrets_are_known_by_the_name_of_their_field_and_ordinary_keys_stay():
    told = scrub(
        {
            "password": "hunter2",
            "nested": [{"api_key": "abc"}],
            "key": "r\u0001",
            "n": 3,
            "token": "",
        }
    )

    assert told == {
        "password": "[secret]",
        "nested": [{"api_key": "[secret]"}],
        "key": "r\u0001",
        "n": 3,
        "token": "",
    }


def test_a_payload_without_secrets_loses_nothing_to_redaction():
    body = payload(task(), ClaudeSettings(api_key=KEY))
    texts = [one["text"] for one in (*body["system"], *body["messages"][0]["content"])]

    assert "[secret]" not in json.dumps(body)
    assert [redact(one) for one in texts] == texts


async def test_a_secret_in_a_name_is_not_in_the_enums_of_tools_and_form():
    about = task()
    secret = "glpat-abcdefghijklmnopqrst"
    renamed = tuple(
        replace(one, entity=f"pd:{secret}") if one.entity == "pd:pd-0" else one
        for one in about.snapshot.pieces
    )
    body = payload(
        replace(about, snapshot=replace(about.snapshot, pieces=renamed)),
        ClaudeSettings(api_key=KEY),
    )

    assert secret not in json.dumps(body)
    assert "pd:[secret]" in body["tools"][0]["input_schema"]["properties"]["entity"]["enum"]
