"""Keys of rows become words: the same for the same key, and nothing else changes."""

from __future__ import annotations

import time

import pytest

from core.diagnosis.masking import Masking

MASKING = Masking(b"a secret")
KEY = "7480000000000000FF055F728000000000FF0000010000000000FA"


def escaped(form: str, hexed: str = KEY) -> str:
    return "".join(form.format(byte) for byte in bytes.fromhex(hexed))


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.lower(),
        f"7A{KEY}",
        f"[key={KEY}]",
        f'"start_key":"{KEY}"',
        f"region: start_key: {KEY} end_key: {KEY}",
        f"key: t{escaped(chr(92) + '{:03o}', KEY[2:])}",
        f"key: zt{escaped(chr(92) + 'x{:02x}', KEY[2:])}",
        f'"t{escaped(chr(92) + "u00{:02x}", KEY[2:])}"',
        f'quoted twice: "t{escaped(chr(92) * 2 + "x{:02x}", KEY[2:])}"',
    ],
)
def test_a_key_becomes_the_same_word_however_it_is_written(text: str) -> None:
    said = MASKING.text(text)
    assert MASKING.name(KEY) in said
    assert "80000000" not in said
    assert "\\x00" not in said
    assert "\\000" not in said


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("start_key=757365725F34373131", "757365725F"),
        ("[split_key=6161]", "6161"),
        ("6D44423A3100000000FB0000000000000044", "44423A31"),
        ("conflict: primary={tableID=72, handle=4711}", "4711"),
        ("key={tableID=72, indexID=1, indexValues={alice, }}", "alice"),
        ("raw \\377\\001\\002\\003user", "\\377\\001"),
    ],
)
def test_keys_of_other_forms_are_hidden_too(text: str, gone: str) -> None:
    assert gone not in MASKING.text(text)
    assert "key#" in MASKING.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "store 4 at tikv-4:20160 is down, region_id=44",
        "git_hash=5c8c4ab0aabbccddee, member_id=14318340322766640597",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        '[labels="{\\"key\\":\\"zone\\",\\"value\\":\\"z1\\"}"]',
        "key=DB:1, the key to it, monkey: 12",
        "C:\\temp\\new",
        MASKING.name(KEY),
        "",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert MASKING.text(text) == text


def test_in_json_fields_named_as_bounds_are_hidden_and_labels_are_not() -> None:
    body = {
        "id": 44,
        "start_key": "6161",
        "end_key": "",
        "peers": [{"store_id": 4}],
        "labels": [{"key": "zone", "value": "z1"}],
        "note": f"split at {KEY}",
    }
    made = MASKING.content(body)
    assert made["start_key"] == MASKING.name("6161")
    assert made["end_key"] == ""
    assert made["labels"] == body["labels"]
    assert made["peers"] == body["peers"]
    assert made["note"] == f"split at {MASKING.name(KEY)}"


def test_another_installation_has_other_words() -> None:
    assert Masking(b"another").name(KEY) != MASKING.name(KEY)


def test_no_text_makes_it_slow() -> None:
    parts = ("\\", "\\200", "t\\200", "7480", "key=", "a\\x80", "start_", "handle={", "={")
    began = time.perf_counter()
    for part in parts:
        MASKING.text(part * (8000 // len(part)))
    assert time.perf_counter() - began < 2.0
