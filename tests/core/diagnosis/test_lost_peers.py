"""Whom a log misses: stores that PD lists, or such as left."""

from core.diagnosis.lost_peers import told

LISTED = {"1": "tikv-1:20160", "4": "tikv-4:20160"}


def log(*texts):
    return {"lines": [{"text": one} for one in texts]}


def test_a_listed_store_counts_by_its_id_or_its_address():
    lines = log(
        "[raft_client.rs:560] connection aborted [store_id=4]",
        "[raft_client.rs:800] wait connect timeout [addr=tikv-4:20160]",
    )
    assert told(lines, LISTED, "1") == {"lost_listed": 2, "lost_removed": 0}


def test_a_store_that_left_does_not_count_and_takes_nameless_lines_with_it():
    lines = log(
        "[raft_client.rs:560] connection abort [addr=10.4.1.77:20160] [store_id=77]",
        "[raft_client.rs:199] connection abort",
    )
    assert told(lines, LISTED, "1") == {"lost_listed": 0, "lost_removed": 1}


def test_a_line_that_names_nobody_counts_where_nobody_left():
    assert told(log("raft_client: broken"), LISTED, "1")["lost_listed"] == 1


def test_its_own_name_in_a_line_says_nothing_of_whom_it_misses():
    found = told(log("connection abort [store_id=1] [store_id=77]"), LISTED, "1")
    assert found == {"lost_listed": 0, "lost_removed": 1}


def test_other_lines_and_things_that_are_no_log_say_nothing():
    assert told(log("Welcome to TiKV"), LISTED, "1") == {}
    for strange in (None, [], {"lines": None}, {"lines": [1, {"text": 2}]}):
        assert told(strange, LISTED, "1") == {}
