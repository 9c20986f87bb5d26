from __future__ import annotations

import os

import pytest

from core.clients.failures import SourceFailed
from core.clients.log_line import parse
from core.clients.logs import MAX_BYTES, FileLog, Tail

HEAD = "[2026/11/21 09:33:16.113 +00:00]"


def line(level, message):
    return f"{HEAD} [{level}] [a.rs:1] [{message}]\n"


async def test_the_newest_lines_of_a_file_are_read_oldest_first(tmp_path):
    path = tmp_path / "tikv.log"
    path.write_text("".join(line("INFO", f"n{number}") for number in range(500)))
    found = await FileLog(str(path)).tail(3)
    assert [one.message for one in found.lines] == ["n497", "n498", "n499"]
    assert found.cut
    assert len((await FileLog(str(path)).tail(1000)).lines) == 500


async def test_only_the_end_of_a_huge_file_is_read_and_no_half_line_counts(tmp_path):
    path = tmp_path / "tikv.log"
    words = "w" * 400
    path.write_text("".join(line("INFO", f"n{number:07} {words}") for number in range(5_000)))
    assert path.stat().st_size > 2 * MAX_BYTES
    found = await FileLog(str(path)).tail(1_000_000)
    assert found.cut
    assert 2000 < len(found.lines) < 5000
    assert all(one.level == "INFO" for one in found.lines)


async def test_binary_and_empty_files_are_no_error(tmp_path):
    path = tmp_path / "tikv.log"
    path.write_bytes(b"")
    assert (await FileLog(str(path)).tail()).lines == ()
    path.write_bytes(os.urandom(10_000))
    await FileLog(str(path)).tail()


async def test_a_file_that_is_not_there_or_no_file_says_so(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "gone.log", tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(SourceFailed) as caught:
            await FileLog(str(path)).tail()
        assert str(path) in caught.value.text


def test_a_trace_below_an_error_belongs_to_it():
    texts = [
        line("INFO", "a"),
        line("ERROR", "b"),
        "  at frame 1",
        "  at frame 2",
        line("INFO", "c"),
    ]
    tail = Tail("x", tuple(parse(one) for one in texts))
    assert [one.message for one in tail.at_least("WARN")] == ["b", "  at frame 1", "  at frame 2"]
