"""A scenario with a mistake in it says which."""

import pytest

from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

GOOD = """
question = "?"
base = "tikv-3"
[ticket]
invariant = "store_down"
entity = "store:4"
[expect]
cause = "process_killed"
entity = "store:4"
"""


@pytest.fixture
def file(tmp_path):
    def make(text):
        (tmp_path / "scenario.toml").write_text(text)
        return read(tmp_path)

    return make


def test_the_smallest_one_is_read(file):
    made = file(GOOD)
    assert (made.taken, made.before, made.expect.cause) == (30, -300, "process_killed")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("question = ", "scenario.toml"),
        ("", "question"),
        (GOOD.replace('base = "tikv-3"', ""), "base"),
        (GOOD + "colour = 1", "colour"),
        (GOOD + '[[probe]]\nentity = "store:4"\nok = true\nspeed = 1\n', "speed"),
        (GOOD.replace("process_killed", "gremlins"), "gremlins"),
        (GOOD.replace('cause = "process_killed"', ""), "cause"),
        (GOOD.replace("[ticket]", 'without = ["cats"]\n[ticket]'), "without"),
        (GOOD.replace("[ticket]", "opened = 2026-06-20T09:00:00\n[ticket]"), "time zone"),
        (GOOD + "[[store]]\nat = 1\n", "id"),
        (GOOD.replace("[expect]", '[expect]\nat_most = "certain"'), "at_most"),
        (GOOD + '[[log]]\nentity = "store:4"\nfile = "../../etc/passwd"\n', "outside"),
        (GOOD + '[[log]]\nentity = "store:4"\nfile = "none.log"\n', "none.log"),
    ],
)
def test_a_mistake_is_named(file, text, names):
    with pytest.raises(Invalid, match=names):
        file(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (GOOD.replace("tikv-3", "tikv-99"), "tikv-99"),
        (GOOD + '[[pd]]\npath = "/operators"\njson = "{"\n', "/operators"),
    ],
)
def test_a_world_that_cannot_be_is_named(file, text, names):
    made = file(text)
    with pytest.raises(Invalid, match=names):
        snapshot(made)


def test_a_log_may_be_a_file_beside(file, tmp_path):
    (tmp_path / "tikv.log").write_text("-1 [FATAL] [a.rs:1] [boom]\n")
    made = file(GOOD + '[[log]]\nentity = "store:4"\nfile = "tikv.log"\n')
    lines = snapshot(made).piece("log", "store:4").content["lines"]
    assert [one["level"] for one in lines] == ["FATAL"]
