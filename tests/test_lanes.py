"""The order in which `make test` deals its files to workers."""

from __future__ import annotations

from tests.lanes import lane


def test_live_tests_containers_and_browsers_follow_each_other_on_one_worker() -> None:
    alone = {
        "tests/live/test_chaos_docker.py",
        "tests/live/test_twin_faults.py",
        "tests/bot/local/page/test_live.py",
    }
    assert len({lane(file) for file in alone}) == 1
    assert lane("tests/core/test_db.py") == "tests/core/test_db.py"
