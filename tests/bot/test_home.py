"""App Home: always something that Slack takes, whatever the tickets are called."""

from __future__ import annotations

from typing import Any

import pytest

from bot import ids
from bot.home import ROWS, HomeFacts, closed, home
from bot.validate import problems
from core.invariant import Severity
from core.tickets.model import Detail, Ticket
from tests.flows.stage import read

HOSTILE = "<!channel> <@U1> :fire: *x* `y` https://evil.example \u202e\x1b[31m " + "x" * 5000


def ticket(number: int = 1, title: str = "Store 1 is down", **facts: Any) -> Ticket:
    return Ticket(
        number, "prod", "store_down", "1", "prod/store_down/1", Severity.CRITICAL, title, "", Detail(),
        1.0, 2.0, 0.5, 1, **facts,
    )  # fmt: skip


def facts(*mine: Ticket, ending: tuple[Ticket, ...] = ()) -> HomeFacts:
    by_severity = {Severity.CRITICAL: len(mine)} if mine else {}
    return HomeFacts(1000.0, mine, by_severity, len(mine), ending, ())


HELD = {"held_at": 5.0, "held_by": "slack:U1", "held_until": 2000.0}


@pytest.mark.parametrize(
    "view",
    [
        home(facts()),
        home(facts(ticket())),
        home(facts(*(ticket(n, HOSTILE) for n in range(11)), ending=(ticket(7, HOSTILE, **HELD),))),
        closed(HOSTILE),
        closed(""),
    ],
)
def test_every_home_is_one_that_slack_takes(view: dict[str, Any]) -> None:
    assert problems(view) == ()


def test_an_empty_home_says_so() -> None:
    said = read(home(facts()))
    assert "Nothing is open" in said
    assert "you own and hold no open ticket" in said


def test_buttons_are_those_that_would_change_something() -> None:
    held = home(facts(ticket(**HELD, acknowledged_by="slack:U1", acknowledged_at=5.0)))
    found = [e["action_id"] for b in held["blocks"] for e in b.get("elements", ()) if "value" in e]
    assert ids.TICKET_UNHOLD in found
    assert ids.TICKET_HOLD not in found
    assert ids.TICKET_ACKNOWLEDGE not in found


def test_more_than_it_shows_is_said() -> None:
    assert "/tickets list" in read(home(facts(*(ticket(n) for n in range(ROWS + 1)))))


def test_it_names_where_help_is_to_be_had() -> None:
    said = read(home(facts()))
    assert all(f"{command} help" in said for command in ("/tickets", "/monitor", "/chaos"))
