"""From bodies to pieces: absent zeros made plain, secrets gone, nonsense survived."""

import pytest

from core.diagnosis import pieces
from core.diagnosis.compare import ratio
from core.diagnosis.pieces import Filing, clean, hot


def test_a_store_without_its_zero_fields_is_plain():
    """PD leaves out what is zero: no state_name would be Up, no slow score none."""
    told = pieces.store({"store": {"id": 4, "state_name": "Up"}, "status": {}}, 100.0)
    assert (told["leaders"], told["slow_score"], told["busy"]) == (0, 0, False)
    assert (told["heartbeat_age_s"], told["used_ratio"], told["started_at"]) == (None, None, None)


def test_a_store_s_heartbeat_and_room_are_computed():
    entry = {
        "store": {"last_heartbeat": 90_500_000_000, "version": "v8.5.7"},
        "status": {"capacity": "100GiB", "available": "25GiB"},
    }
    told = pieces.store(entry, 100.0)
    assert (told["heartbeat_age_s"], told["used_ratio"], told["version"]) == (9.5, 0.75, "8.5.7")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"as_leader": []},
        {"as_leader": {"4": None}},
        {"as_leader": {"4": {"statistics": [1]}}},
        {"as_leader": {"4": {"statistics": 7}}},
    ],
)
def test_a_hot_answer_without_flow_says_nothing(body):
    assert hot(body) == {}


def test_the_share_of_the_hottest_region_is_of_the_whole_flow():
    statistics = [
        {"region_id": 44, "flow_bytes": 300},
        {"region_id": 45, "flow_bytes": 100},
        {"region_id": 46, "flow_bytes": "many"},
    ]
    told = hot({"as_leader": {"4": {"total_flow_bytes": 600, "statistics": statistics}}})
    assert told["4"]["top_region"] == "44"
    assert told["4"]["top_share"] == 0.5


def test_figures_that_json_does_not_know_are_none():
    assert clean({"a": float("nan"), "b": [float("inf"), 1.5, True]}) == {
        "a": None,
        "b": [None, 1.5, True],
    }


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123456789012-abcdefghijkl",
        "sk-ant-api03-abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "postgresql://tocsin:hunter2hunter2@db:5432/x",
        "Authorization: Bearer abcdefghijklmnop",
        "s3.secret_access_key=wJalrXUtnFEMIK7MDENG",
    ],
)
def test_no_secret_reaches_a_piece(secret):
    filing = Filing(1.0)
    filing.add("log", "store:4", {"lines": [{"text": f"connect {secret} now"}]}, source="log")
    filing.add("pd", "pd", None, source="/config", failed=f"refused {secret}")
    kept = repr(filing.pieces)
    core = secret.split("=")[-1].split(" ")[-1].split("tocsin:")[-1].split("@")[0]
    assert core not in kept


def test_a_field_named_key_stays():
    assert clean({"key": "7480000000000000FF05"}) == {"key": "7480000000000000FF05"}


def test_a_ratio_needs_somebody_to_compare_with():
    assert ratio(5.0, []) is None
    assert ratio(5.0, [0.0, None]) is None
    assert ratio(None, [1.0]) is None
    assert ratio(6.0, [1.0, None, 3.0]) == 3.0


def test_a_secret_is_found_by_its_field_s_name_and_as_a_field_s_name():
    told = clean({"password": "hunter2", "xoxb-123456789012-abcdef": 1, "labels": {"host": "a"}})

    assert told == {"password": "[secret]", "[secret]": 1, "labels": {"host": "a"}}
