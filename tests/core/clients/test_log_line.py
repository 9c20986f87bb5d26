from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients.log_line import parse

LINE = (
    "[2026/11/21 09:33:16.113 +08:00] [WARN] [store.rs:739] "
    '["handle 1 pending peers include 1 ready"] [peers="[1, 2]"] [takes=3ms] '
    '[err="Grpc(RpcFailure(RpcStatus { message: \\"failed\\" }))"] ["odd key"="a]b=c"] [thread_id=7]'
)


def test_a_line_of_the_unified_format_is_taken_apart():
    found = parse(LINE)
    assert found.at == datetime(2026, 11, 21, 1, 33, 16, 113000, UTC)
    assert found.at.utcoffset() == timedelta(hours=8)
    assert (found.level, found.source, found.rank) == ("WARN", "store.rs:739", 2)
    assert found.message == "handle 1 pending peers include 1 ready"
    assert found.fields == {
        "peers": "[1, 2]",
        "takes": "3ms",
        "err": 'Grpc(RpcFailure(RpcStatus { message: "failed" }))',
        "odd key": "a]b=c",
        "thread_id": "7",
    }
    assert found.complete


def test_a_bare_message_and_an_unknown_source_are_read():
    found = parse("[2026/11/21 09:33:16.113 -05:30] [INFO] [<unknown>] [Welcome] [n=]")
    assert (found.message, found.source, found.fields) == ("Welcome", "", {"n": ""})
    assert found.at == datetime(2026, 11, 21, 15, 3, 16, 113000, UTC)


def test_a_message_without_a_source_is_not_taken_for_one():
    found = parse("[2026/11/21 09:33:16.113 +00:00] [ERROR] plain words after it")
    assert found.message == "plain words after it"


@pytest.mark.parametrize("cut", [20, 60, 80, 110, 130, 170, 200, len(LINE) - 1])
def test_a_line_that_was_cut_short_gives_what_it_has(cut):
    found = parse(LINE[:cut])
    assert not found.complete or found.at is None or cut in (60, 80)
    assert set(found.fields) <= {"peers", "takes", "err", "odd key", "thread_id"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "panicked at 'index out of bounds'",
        "[2026/99/99 99:99:99.999 +99:99] [WARN] [x] [y]",
        "[2026/11/21 09:33:16.113 +00:00]",
        "[[[[[[",
        "\x00\x1b[31m",
        '["',
    ],
)
def test_what_is_not_in_the_format_is_kept_as_text_or_without_a_time(text):
    found = parse(text)
    assert found.at is None
    assert found.message == text or found.level == "WARN"


def test_a_line_may_be_huge_and_have_many_fields():
    many = parse(LINE + "".join(f" [k{number}=v]" for number in range(1000)))
    assert len(many.fields) <= 64
    assert len(parse("x" * 10_000_000).message) == 16_384


def test_a_field_that_looks_like_a_log_line_stays_a_field():
    fake = "[2026/01/01 00:00:00.000 +00:00] [FATAL] [x] [pwned]"
    found = parse(f'[2026/11/21 09:33:16.113 +00:00] [INFO] [a:1] [ok] [said="{fake}"]')
    assert (found.level, found.fields["said"]) == ("INFO", fake)


@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text):
    parse(text)
    parse(f"[2026/11/21 09:33:16.113 +00:00] [INFO] [a:1] {text}")


def test_a_line_of_json_is_taken_apart():
    found = parse(
        '{"level":"warn","ts":"2026-11-21T15:28:11.402Z","caller":"embed/etcd.go:117",'
        '"msg":"slow fdatasync","took":"1.2s","expected":1}'
    )
    assert found.at == datetime(2026, 11, 21, 15, 28, 11, 402000, UTC)
    assert (found.level, found.source, found.message) == (
        "WARN",
        "embed/etcd.go:117",
        "slow fdatasync",
    )
    assert found.fields == {"took": "1.2s", "expected": "1"}
    again = parse('{"level":"INFO","time":"2026/11/21 23:28:11.402 +08:00","message":"Welcome"}')
    assert again.at == found.at
    assert parse('{"level":"info","ts":"2026-11-21T23:28:11.402+0800","msg":"x"}').at == found.at


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"warn","msg":',
        '{"level":5,"msg":"x"}',
        '{"msg":"x"}',
        "{" * 9_000,
        '{"a":' * 9_000,
    ],
)
def test_json_that_is_no_log_line_stays_text(line):
    assert parse(line).message == line[:16_384]
    assert parse(line).level == ""


@pytest.mark.parametrize("stamp", ["yesterday", "2026-11-21T15:28:11", 17, None, "9" * 50])
def test_a_time_that_is_none_is_left_out(stamp):
    found = parse(json.dumps({"level": "info", "ts": stamp, "msg": "x"}))
    assert (found.message, found.at) == ("x", None)


def test_the_older_format_of_etcd_is_read_without_its_time_that_has_no_zone():
    found = parse("2026-11-21 14:29:25.201982 C | etcdmain: listen tcp 127.0.0.1:33802: in use")
    assert (found.level, found.source) == ("FATAL", "etcdmain")
    assert found.message == "listen tcp 127.0.0.1:33802: in use"
    assert found.at is None
