"""A scenario is a world: time passes, what stops has consequences, what is withheld is not there."""

import pytest

from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot

HEAD = """
question = "?"
base = "tikv-3"
{top}
[ticket]
invariant = "store_down"
entity = "store:4"
[expect]
cause = "process_killed"
entity = "store:4"
"""
DEAD = """
[[container]]
entity = "store:4"
at = -10
status = "exited"
exit_code = 137
"""


@pytest.fixture
def world(tmp_path):
    def make(body="", top=""):
        (tmp_path / "scenario.toml").write_text(HEAD.format(top=top) + body)
        return snapshot(read(tmp_path))

    return make


def now(evidence, kind, entity, source=""):
    return evidence.piece(kind, entity, source).content["now"]


def test_the_base_alone_is_a_healthy_cluster(world):
    evidence = world()
    assert {now(evidence, "store", f"store:{n}")["state"] for n in (1, 4, 5)} == {"Up"}
    assert now(evidence, "members", "pd") == {
        "leader": "pd-0",
        "total": 3,
        "answering": 3,
        "missing": 0,
        "majority": True,
        "serves": True,
        "said": "",
    }
    assert now(evidence, "probe", "store:4")["ok"]
    assert now(evidence, "reading", "store:4", "qps") == 500
    assert evidence.piece("spread", "cluster").content["silent_share"] == 0


def test_a_container_that_stops_takes_its_node_along(world):
    evidence = world(DEAD)
    store = now(evidence, "store", "store:4")
    assert store["state"] == "Disconnected"
    assert store["heartbeat_age_s"] == pytest.approx(43)
    assert now(evidence, "probe", "store:4") == {
        "ok": False,
        "said": "connection refused",
        "silent_s": 40.0,
    }
    assert now(evidence, "reading", "store:4", "up") == 0
    assert now(evidence, "reading", "store:4", "qps") is None
    assert now(evidence, "store", "store:5")["state"] == "Up"


def test_pd_says_up_until_twenty_seconds_of_silence(world):
    assert now(world(DEAD, "taken = 5"), "store", "store:4")["state"] == "Up"
    assert now(world(DEAD, "taken = 8"), "store", "store:4")["state"] == "Disconnected"
    assert now(world(DEAD, "taken = 1800"), "store", "store:4")["state"] == "Down"


def test_what_comes_later_is_not_visible(world):
    late = DEAD.replace("at = -10", "at = 60")
    assert now(world(late), "container", "store:4")["status"] == "running"
    events = '[[event]]\nentity = "store:4"\nat = 60\naction = "die"\n'
    assert world(events).piece("event", "store:4").content["events"] == []


def test_before_is_what_was_so_before(world):
    piece = world(DEAD).piece("container", "store:4").content
    assert (piece["before"]["status"], piece["now"]["status"]) == ("running", "exited")


@pytest.mark.parametrize(
    ("top", "kind", "source"),
    [
        ('withhold = ["docker"]', "container", ""),
        ('withhold = ["docker:store:4"]', "event", ""),
        ('without = ["docker"]', "container", ""),
        ('withhold = ["log:store:4"]', "log", ""),
        ('without = ["logs"]', "log", ""),
        ('without = ["prometheus"]', "reading", "qps"),
        ('withhold = ["reading:store:4:qps"]', "reading", "qps"),
        ('withhold = ["pd"]', "store", ""),
        ('withhold = ["probe"]', "probe", ""),
    ],
)
def test_what_is_withheld_is_not_there(world, top, kind, source):
    assert world().piece(kind, "store:4", source) is not None
    assert world(top=top).piece(kind, "store:4", source) is None


def test_a_failed_pd_call_is_a_failed_piece_not_a_healthy_one(world):
    evidence = world('[[pd]]\npath = "*"\nat = -5\nfailed = "timed out after 4 s"\n')
    store = evidence.piece("store", "store:4")
    assert (store.ok, store.content, store.error) == (False, None, "timed out after 4 s")
    assert now(evidence, "members", "pd")["leader"] is None


def test_a_failed_prometheus_fails_every_reading(world):
    evidence = world('[prometheus]\nfailed = "connection refused"\n')
    assert not evidence.piece("reading", "store:4", "qps").ok
    assert now(evidence, "prometheus", "prometheus")["answers"] is False


def test_log_lines_get_their_stamps_and_secrets_go(world):
    lines = '-1.5 [WARN] [a.rs:1] ["login"] [password=hunter2hunter2]\nplain text'
    evidence = world(f"[[log]]\nentity = \"store:4\"\ntext = '''\n{lines}\n'''\n")
    first, second = evidence.piece("log", "store:4").content["lines"]
    assert first["at"] == pytest.approx(evidence.opened_at - 1.5)
    assert "hunter2" not in first["text"]
    # What has no stamp of its own was written after the line that it follows.
    assert (second["at"], second["text"]) == (first["at"], "plain text")


def test_an_answer_of_pd_may_be_merged_into_the_base(world):
    body = (
        '[[pd]]\npath = "/config/schedule"\nmerge = true\njson = \'{"leader-schedule-limit": 0}\'\n'
    )
    config = world(body).piece("pd", "pd", "/config/schedule").content["body"]
    assert config["leader-schedule-limit"] == 0
    assert config["replica-schedule-limit"] == 64


def test_a_reading_holds_its_value_until_the_next_point(world):
    body = '[[reading]]\nname = "p99_s"\nentity = "store:4"\npoints = [[-400, 2.0], [-10, 0.5]]\n'
    content = world(body).piece("reading", "store:4", "p99_s").content
    assert (content["before"], content["now"], content["max"]) == (2.0, 0.5, 2.0)
