"""Tickets from a terminal, on a real database."""

from __future__ import annotations

import json
import sqlite3

import pytest

from core import people
from core.db import Database
from core.invariant import Severity
from core.tickets import store
from tests.bot.cli.driving import Bench

KEYS = [
    "id",
    "status",
    "severity",
    "subject",
    "invariant",
    "entity",
    "title",
    "summary",
    "value",
    "threshold",
    "unit",
    "facts",
    "count",
    "opened_at",
    "last_seen_at",
    "healthy_since",
    "held",
    "held_by",
    "held_until",
    "held_until_healthy",
    "hold_reason",
    "acknowledged_by",
    "acknowledged_at",
    "resolved_at",
    "resolved_by",
    "resolution",
    "resolve_reason",
    "flap_count",
    "previous_id",
    "explained_by",
]


def ids(found: list[dict[str, object]]) -> set[object]:
    return {one["id"] for one in found}


def test_without_tickets_the_list_says_so_and_is_an_empty_array(at: Bench) -> None:
    assert at.good("tickets", "list") == "No unresolved tickets.\n"
    assert at.json("tickets", "list", "--json") == []
    assert at.good("tickets", "list", "-s", "held") == "No tickets.\n"


def test_the_json_of_a_list_has_the_documented_keys_in_their_order(at: Bench) -> None:
    [number] = at.breaks("store:1")
    [found] = at.json("tickets", "list", "-j")
    assert list(found) == KEYS
    assert found["id"] == number
    assert (found["status"], found["severity"]) == ("open", "critical")
    assert (found["subject"], found["invariant"], found["entity"]) == (
        "prod",
        "store_down",
        "store:1",
    )
    assert found["count"] == 1
    assert found["held"] is False
    assert found["acknowledged_by"] is None
    assert found["opened_at"].endswith("Z")


def test_a_table_has_the_columns_that_operators_know(at: Bench) -> None:
    at.breaks("store:1")
    head, row = at.good("tickets", "list").splitlines()
    expected = ["ID", "Severity", "Status", "Count", "First", "seen", "Held", "Subject", "Title"]
    assert head.split() == expected
    assert row.split()[:4] == ["1", "critical", "open", "1"]
    assert row.rstrip().endswith("store:1 is down")


def test_filters_choose_by_status_subject_and_severity(at: Bench) -> None:
    down, gone, owned = at.breaks("store:1", "store:2", "store:3")
    [slow] = at.breaks("store:9", name="store_slow", severity=Severity.WARNING)
    at.good("tickets", "ack", str(owned))
    at.good("tickets", "hold", str(down))
    at.mends("store:2")
    assert ids(at.json("tickets", "list", "-j")) == {down, owned, slow}
    for status, expected in {
        "open": {down, slow},
        "acknowledged": {owned},
        "resolved": {gone},
        "held": {down},
        "unowned": {down, slow},
        "diagnosed": set(),
        "all": {down, gone, owned, slow},
    }.items():
        assert ids(at.json("tickets", "list", "-j", "--status", status)) == expected, status
    assert ids(at.json("tickets", "list", "-j", "--severity", "warning")) == {slow}
    assert ids(at.json("tickets", "list", "-j", "--subject", "prod")) == {down, owned, slow}
    assert at.json("tickets", "list", "-j", "--subject", "other") == []


def test_the_worst_comes_first_and_a_limit_says_what_it_left_out(at: Bench) -> None:
    at.breaks("store:9", name="store_slow", severity=Severity.WARNING)
    at.breaks("store:1", "store:2")
    found = at.json("tickets", "list", "-j")
    assert [one["severity"] for one in found] == ["critical", "critical", "warning"]
    assert "1 of 3 shown" in at.good("tickets", "list", "-n", "1")


def test_one_ticket_is_shown_in_full_with_its_history(at: Bench) -> None:
    [number] = at.breaks("store:1")
    at.good("tickets", "ack", str(number))
    shown = at.good("tickets", "show", str(number))
    for part in ("Ticket 1: store:1 is down", "Severity", "critical", "History", "Acknowledged by"):
        assert part in shown
    told = at.json("tickets", "show", str(number), "--json")
    assert list(told) == [*KEYS, "diagnosis", "history"]
    assert told["diagnosis"] is None
    assert [one["kind"] for one in told["history"]] == ["ticket.opened", "ticket.acknowledged"]
    assert told["history"][1]["actor"].startswith("cli:")


@pytest.mark.parametrize("form", ["{}", "#{}", "T{}", "t{}", " {} "])
def test_a_number_is_taken_as_people_write_it(at: Bench, form: str) -> None:
    [number] = at.breaks("store:1")
    assert at.json("tickets", "show", form.format(number), "-j")["id"] == number


def test_acknowledging_twice_is_a_message(at: Bench) -> None:
    at.breaks("store:1")
    assert "is yours" in at.good("tickets", "ack", "1")
    assert "was already acknowledged by" in at.good("tickets", "ack", "1")


def test_people_are_called_by_the_name_that_slack_gave_for_them(at: Bench) -> None:
    at.breaks("store:1", "store:2")

    async def act(db: Database) -> None:
        await db.write(store.acknowledge, 1, "slack:U012ANA")
        await db.write(store.hold, 1, "slack:U034BEN")
        await db.write(store.acknowledge, 2, "slack:U034BEN")
        await db.write(people.remember, "slack:U012ANA", "Ana\x1b[31m Moreno")

    at.asked(act)
    shown = " ".join(at.good("tickets", "show", "1").split())
    assert "Owner Ana Moreno" in shown
    assert "Acknowledged by Ana Moreno" in shown
    assert "Held by slack:U034BEN until somebody unholds it" in shown
    assert "already acknowledged by Ana Moreno." in at.good("tickets", "ack", "1")
    assert "already held by slack:U034BEN." in at.good("tickets", "hold", "1")
    assert at.json("tickets", "show", "1", "-j")["acknowledged_by"] == "slack:U012ANA"


def test_a_hold_keeps_its_end_and_its_reason(at: Bench) -> None:
    at.breaks("store:1", "store:2", "store:3")
    at.good("tickets", "hold", "1", "2h", "-r", "new disk at noon")
    at.good("tickets", "hold", "2", "healthy")
    at.good("tickets", "hold", "3")
    timed, healthy, open_end = (at.json("tickets", "show", n, "-j") for n in "123")
    assert timed["held"]
    assert timed["held_until"] is not None
    assert timed["hold_reason"] == "new disk at noon"
    assert healthy["held_until_healthy"]
    assert (open_end["held_until"], open_end["held_until_healthy"]) == (None, False)
    table = at.good("tickets", "list", "-s", "held")
    assert "until healthy" in table
    assert "yes" in table


def test_holding_twice_and_unholding_twice_are_messages(at: Bench) -> None:
    at.breaks("store:1")
    at.good("tickets", "hold", "1", "1h", "--reason", "first")
    again = at.good("tickets", "hold", "1", "2h", "--reason", "second")
    assert "was already held" in again
    assert "first" in again
    assert "no longer held" in at.good("tickets", "unhold", "1")
    assert "was not held" in at.good("tickets", "unhold", "1")


def test_a_held_ticket_survives_recovery_and_resolves_by_hand(at: Bench) -> None:
    at.breaks("store:1")
    at.good("tickets", "hold", "1")
    at.mends("store:1")
    assert "is resolved" in at.good("tickets", "resolve", "1", "-r", "looked at it")
    told = at.json("tickets", "show", "1", "-j")
    assert (told["status"], told["resolution"]) == ("resolved", "manual")
    assert told["resolve_reason"] == "looked at it"


@pytest.mark.parametrize("verb", [("ack",), ("hold", "1h"), ("unhold",), ("resolve",)])
def test_whatever_is_asked_of_a_resolved_ticket_is_a_message(
    at: Bench, verb: tuple[str, ...]
) -> None:
    at.breaks("store:1")
    at.mends("store:1")
    name, *more = verb
    assert "was already resolved" in at.good("tickets", name, "1", *more)
    assert at.json("tickets", name, "1", *more, "-j")["status"] == "resolved"


def test_resolving_what_is_broken_needs_yes_where_nobody_can_be_asked(at: Bench) -> None:
    at.breaks("store:1")
    said = at.refused(1, "tickets", "resolve", "1")
    assert "still broken" in said
    assert "--yes" in said
    assert at.json("tickets", "show", "1", "-j")["status"] == "open"
    assert "is resolved" in at.good("tickets", "resolve", "1", "--yes")


def test_changes_print_the_ticket_as_json_where_asked(at: Bench) -> None:
    at.breaks("store:1")
    for verb in (("ack", "1"), ("hold", "1"), ("unhold", "1"), ("resolve", "1", "-y")):
        assert list(at.json("tickets", *verb, "-j")) == KEYS


def test_an_unknown_number_names_the_nearest(at: Bench) -> None:
    at.breaks("store:1", "store:2")
    for verb in ("show", "ack", "hold", "unhold", "resolve"):
        said = at.refused(1, "tickets", verb, "7")
        assert "There is no ticket 7." in said
        assert "2 (store:2 is down)" in said
    at.refused(1, "tickets", "show", "9" * 18)


@pytest.mark.parametrize("wrong", ["abc", "1.5", "-1", "٣", "9" * 40, "", "1; DROP TABLE tickets"])
def test_what_is_no_number_is_said(at: Bench, wrong: str) -> None:
    assert "is not a ticket number" in at.refused(2, "tickets", "show", "--", wrong)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("list", "-s", "closed"), "is not a status: choose open, acknowledged"),
        (("list", "--severity", "fatal"), "is not a severity: choose info"),
        (("hold", "1", "soon"), "is not a duration. Write it like"),
        (("hold", "1", "0s"), "longer than nothing"),
        (("hold", "1", "400d"), "30 days at most"),
        (("list", "-n", "0"), "Invalid value"),
        (("show",), "Missing argument"),
        (("shwo", "1"), "No such command"),
        (("list", "--jsno"), "No such option"),
    ],
)
def test_bad_arguments_are_exit_2_and_change_nothing(
    at: Bench, args: tuple[str, ...], said: str
) -> None:
    at.breaks("store:1")
    assert said in at.refused(2, "tickets", *args)
    assert at.json("tickets", "show", "1", "-j")["held"] is False


def test_hostile_text_reaches_the_terminal_as_text(at: Bench) -> None:
    at.breaks("\x1b[2J\x1b]0;owned\x07store <!channel> [red]9[/red] `x`\nnext")
    for shown in (at.good("tickets", "list"), at.good("tickets", "show", "1")):
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "[red]9[/red]" in shown
        assert "<!channel>" in shown
    reason = "\x1b[31m" + "long " * 400
    assert "\x1b" not in at.good("tickets", "hold", "1", "-r", reason)
    assert len(at.json("tickets", "show", "1", "-j")["hold_reason"]) <= 500


def test_a_guest_never_makes_a_database(empty: Bench) -> None:
    for args in (("list",), ("show", "1"), ("ack", "1")):
        assert "There is no database at" in empty.refused(1, "tickets", *args)
    assert not empty.db.parent.exists()


def test_a_guest_never_migrates(empty: Bench) -> None:
    empty.db.parent.mkdir(mode=0o700)
    empty.db.touch(0o600)
    assert "is empty" in empty.refused(1, "tickets", "list")
    assert empty.db.stat().st_size == 0


def test_a_database_of_a_newer_release_is_refused(at: Bench) -> None:
    with sqlite3.connect(at.db) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    said = at.refused(1, "tickets", "list")
    assert "written by a newer release (version 9999" in said
    assert "Upgrade tocsin" in at.refused(1, "migrate")


def test_a_locked_database_is_said_so_and_nothing_is_lost(at: Bench) -> None:
    at.breaks("store:1")
    holder = sqlite3.connect(at.db, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert "another process holds it" in at.refused(1, "tickets", "ack", "1")
        assert "store:1" in at.good("tickets", "list")
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert "is yours" in at.good("tickets", "ack", "1")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("://", 2),
        ("mysql://h/x", 2),
        ("postgresql://user:hunter2@h:port/x", 2),
        ("postgresql://nobody:hunter2@127.0.0.1:1/x", 1),
    ],
)
def test_a_wrong_address_of_a_database_is_one_line_without_a_password(
    at: Bench, url: str, code: int
) -> None:
    assert "hunter2" not in at.refused(code, "tickets", "list", "--db", url)


def test_the_database_may_be_given_as_an_option(at: Bench, empty: Bench) -> None:
    at.breaks("store:1")
    for given in (str(at.db), f"sqlite:///{at.db}"):
        result = at.run("tickets", "list", "-j", "--db", given, db="/nowhere/else.db")
        assert ids(json.loads(result.stdout)) == {1}
