"""Nothing secret leaves; nothing else is blanked out."""

from __future__ import annotations

import time

import pytest

from core.redact import MARK, hides, redact


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("token xoxb-1234567890-abcdef", "1234567890"),
        ("xapp-1-A0123-4567-deadbeef", "deadbeef"),
        ("key sk-ant-api03-abcdefgh", "abcdefgh"),
        ("AKIAABCDEFGHIJKLMNOP", "ABCDEFGHIJ"),
        ("Authorization: Bearer abc.def-123", "abc.def"),
        ("postgresql://bot:hunter2@db/tocsin", "hunter2"),
        ("https://x/?sig=s3cr3tvalue&page=2", "s3cr3tvalue"),
        ('{"password": "hunter2", "host": "h"}', "hunter2"),
        ("routing_key = 'abc123def'", "abc123def"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN RSA PRIVATE KEY-----\ncut off MIIE", "MIIE"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "eyJzdWIi"),
        ("root:s3cretpw@tcp(10.0.0.1:4000)/test", "s3cretpw"),
        ("redis://:hunter2@cache/0", "hunter2"),
        ("Server=h;User Id=u;Password=hunter2;", "hunter2"),
        ('{\\"password\\":\\"hunter2\\", \\"a\\":1}', "hunter2"),
        ("mysql --password hunter2 -h db", "hunter2"),
        ("[password=hunter2] [region_id=4]", "hunter2"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalr"),
        ("s3://b/x?access-key=AK&secret-access-key=zzzz1111", "zzzz1111"),
        ("https://b.s3/x?X-Amz-Credential=AKIAX&X-Amz-Signature=deadbeef", "deadbeef"),
        ("https://hooks.slack.com/services/T0/B0/XXXXhook", "XXXXhook"),
        ("X-Api-Key: abcdef123", "abcdef123"),
        ("Cookie: session=abcdef123456; theme=x", "abcdef123456"),
        ('["set password"] [sql="alter user a identified by \'hunter2\'"]', "hunter2"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123", "abcdefgh"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcj"),
    ],
)
def test_what_has_the_form_of_a_secret_is_taken_out(text: str, gone: str) -> None:
    assert gone not in redact(text)
    assert MARK in redact(text)


def test_known_secrets_go_literally_and_short_ones_do_not_blank_words() -> None:
    assert redact("it is opensesame here", ("opensesame",)) == f"it is {MARK} here"
    assert redact("a cat sat", ("cat",)) == "a cat sat"


@pytest.mark.parametrize(
    "text",
    [
        "region key 7480000000000000FF",
        "start_key=7480 end_key=7481",
        "store 3 at http://tikv-3:20180/status",
        "tasks-1, risk-free, monkey: banana",
        '{"key": "zone", "value": "z1"} [key=7480] primary_key=abc',
        '"max_tokens": 4096, input_tokens=123, [token_limit=5]',
        "connect to store:4@10.0.0.1 timed out: at 12:30:00@zone",
        "",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_what_was_redacted_stays_the_same() -> None:
    once = redact("password=hunter2 Bearer abcdefgh postgresql://u:p@h/d")
    assert redact(once) == once


@pytest.mark.parametrize(
    ("name", "secret"),
    [("password", True), ("db.passwd", True), ("api-key", True), ("access_token", True)]
    + [(one, False) for one in ("key", "start_key", "tso", "state", "leaders", "")],
)
def test_a_field_hides_what_it_holds_by_its_name(name: str, secret: bool) -> None:
    assert hides(name) is secret


def test_no_text_makes_it_slow() -> None:
    """A hostile line is at most a few thousand characters; none of them takes quadratic time."""
    words = ("a-", " ", "token ", ":", '\\"', "a://", "password=", "--token ", "a@", "cookie: ")
    hostile = [one * (4000 // len(one)) for one in words] + ["token" + "\\" * 4000]
    began = time.perf_counter()
    for text in hostile:
        redact(text)
    assert time.perf_counter() - began < 2.0
