"""`tocsin chaos ...` beside a database: what it asks, shows and refuses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.chaos.model import KIND, Stage
from core.chaos.story import of, plain
from core.db import Database, Tx
from core.lock import take_file
from core.runs import store
from core.runs.model import Outcome, Run
from tests.bot.chaos.made import OVER, story
from tests.bot.cli.driving import Bench
from tests.flows.rig import _seen_long_ago as seen_long_ago


def asked(tx: Tx, **told: Any) -> Run:
    kept = replace(story(), **told)
    return store.create(
        tx, kind=KIND, subject="prod", name="kill-store", target="store:4",
        requested_by="cli:ana", data=plain(kept),
    )  # fmt: skip


def ended(tx: Tx, outcome: Outcome = Outcome.SUCCEEDED, **told: Any) -> Run:
    """What the holder would do with the newest order."""
    run = store.listing(tx, kind=KIND)[0]
    run = store.begin(tx, store.claim(tx, run), str(Stage.BASELINE))
    run = store.advance(tx, run, stage=str(Stage.WATCH), data=run.data)
    kept = replace(of(run), **told)
    run = store.note(
        tx, run, "run.detected", plain(kept), after_s=0.6, invariant="store_down", ticket_id=42
    )
    run = store.finish(tx, run, outcome, plain(kept))
    return store.report(tx, store.archive(tx, run))


def do(at: Bench, change: Callable[[Tx], Any]) -> Any:
    async def there(db: Database) -> Any:
        return await db.write(change)

    return at.asked(there)


def watched(at: Bench) -> None:
    """A subject that some bot watches: known by its name alone."""
    do(at, lambda tx: seen_long_ago(tx, "prod"))


class Holder:
    """A process that holds the database, and carries out what is asked for."""

    def __init__(self, at: Bench, outcome: Outcome) -> None:
        self._at, self._outcome = at, outcome
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry_out)

    def __enter__(self) -> None:
        self._lock = take_file(self._at.db.with_name(self._at.db.name + ".lock"), "tocsin serve")
        self._lock.__enter__()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._lock.__exit__()

    def _carry_out(self) -> None:
        while not self._stop.wait(0.05):
            if do(self._at, lambda tx: [r.state for r in store.listing(tx, kind=KIND)]) == [
                "created"
            ]:
                do(self._at, lambda tx: ended(tx, self._outcome, **OVER))
                return


def test_nothing_is_asked_for_where_nobody_would_do_it(at: Bench) -> None:
    said = at.refused(1, "chaos", "run", "kill-store", "--yes")

    assert "No process holds this database, so nobody would run it" in said
    assert do(at, lambda tx: store.listing(tx)) == []


def test_a_run_is_left_to_the_holder_and_followed_to_its_report(at: Bench) -> None:
    watched(at)
    with Holder(at, Outcome.SUCCEEDED):
        said = at.good("chaos", "run", "kill-store", "store:4", "--yes")

    for part in (
        "experiment  Kill a store (kill-store) on prod",
        "Run 1. Ctrl-C stops the following",
        "detected after 0.6 s: store_down, ticket 42",
        "PASSED: kill-store on store:4, prod",
        "  recovered  after 36 s",
    ):
        assert part in said


def test_json_is_the_run_alone_on_standard_output(at: Bench) -> None:
    watched(at)
    with Holder(at, Outcome.FAILED):
        result = at.run("chaos", "run", "kill-store", "--yes", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["outcome"], told["detected_after_s"], told["diagnosis_right"]) == (
        "failed",
        0.6,
        True,
    )
    assert "detected after 0.6 s" in result.stderr


def test_without_anybody_to_ask_yes_must_be_said(at: Bench) -> None:
    watched(at)
    with Holder(at, Outcome.SUCCEEDED):
        assert "say --yes" in at.refused(1, "chaos", "run", "kill-store")
    assert do(at, lambda tx: store.listing(tx)) == []


REFUSED = (
    (1, ("run", "kil-store", "--yes"), "Did you mean kill-store"),
    (2, ("run", "kill-store", "--for", "soon"), "is not a duration"),
    (1, ("run", "kill-store", "--subject", "nowhere", "--yes"), "no subject called 'nowhere'"),
    (1, ("run", "kill-store", "--for", "5h", "--yes"), "At most 600 s"),
    (1, ("abort",), "Which run? Under way: none"),
    (1, ("abort", "7"), "There is no run 7"),
    (1, ("unschedule", "3"), "There is no plan 3"),
    (2, ("schedule", "nonsense", "kill-store"), "is not a cron expression"),
    (2, ("schedule", "0 3 * * *", "kill-store", "--zone", "Mars"), "no time zone"),
    (2, ("campaign", "nowhere.toml"), "There is no file nowhere.toml"),
)


def test_what_cannot_be_is_refused_in_one_line(at: Bench) -> None:
    watched(at)
    with Holder(at, Outcome.SUCCEEDED):
        for code, words, answer in REFUSED:
            assert answer in at.refused(code, "chaos", *words), words


def test_the_catalogue_can_be_read_without_a_cluster(at: Bench) -> None:
    said = at.good("chaos", "list")

    assert "kill-store           Kill a store" in said
    assert "this configuration names no subject" in said


def test_status_shows_what_is_under_way_and_what_was(at: Bench) -> None:
    assert "No experiment was ever run here." in at.good("chaos", "status")
    do(at, lambda tx: asked(tx))
    assert "waiting to begin kill-store on tikv-2, prod" in at.good("chaos", "status")
    do(at, lambda tx: ended(tx, Outcome.ABORTED, **OVER))

    [told] = at.json("chaos", "status", "--json")["runs"]
    assert (told["id"], told["outcome"], told["recovered_after_s"]) == (1, "aborted", 36.0)
    assert told["finished_at"].endswith("Z")


def test_a_run_is_aborted_from_a_terminal(at: Bench) -> None:
    do(at, lambda tx: asked(tx))

    assert "Run 1 is being aborted" in at.good("chaos", "abort", "--reason", "wrong day")
    run = do(at, lambda tx: store.get(tx, 1))
    assert (run.aborting, run.abort_reason) == (True, "wrong day")
    assert run.abort_by.startswith("cli:")


def test_plans_are_made_listed_and_taken_away(at: Bench) -> None:
    watched(at)
    said = at.good("chaos", "schedule", "0 10 * * tue", "kill-store", "--hours", "9-17")
    assert "Plan 1: kill-store on prod, next" in said
    assert "plan 1: kill-store on prod, '0 10 * * tue' UTC 9-17, next" in at.good("chaos", "status")
    [plan] = at.json("chaos", "status", "--json")["planned"]
    assert (plan["number"], plan["cron"]) == (1, "0 10 * * tue")
    assert "Plan 1 (kill-store on prod) is gone." in at.good("chaos", "unschedule", "1")


def test_a_run_that_nobody_takes_on_is_not_waited_for(at: Bench) -> None:
    watched(at)
    lock = take_file(at.db.with_name(at.db.name + ".lock"), "tocsin serve")
    with lock:
        began = time.monotonic()
        said = at.refused(1, "chaos", "run", "kill-store", "--yes")
    assert "Nobody has taken it on" in said
    assert time.monotonic() - began < 30
