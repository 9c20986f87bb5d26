"""The dialogue that asks for how long and why a ticket is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import ids
from bot.blocks import plain, section
from bot.text import clean
from core.durations import parse_duration
from core.tickets.model import MAX_REASON, Ticket

View = dict[str, Any]
USUAL = "2h"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was filled in: `seconds` None means no time limit."""

    seconds: float | None
    until_healthy: bool
    reason: str


def hold_modal(ticket: Ticket) -> View:
    """The hold dialogue of a ticket."""
    options = [{"text": plain(text, 75), "value": value} for value, text in ids.HOLD_CHOICES]
    usual = next(o for o in options if o["value"] == USUAL)
    return {
        "type": "modal",
        "callback_id": ids.HOLD_VIEW,
        "private_metadata": ids.ticket_value(ticket.id, ticket.version),
        "title": plain(f"Hold ticket {ticket.id}"[:24], 24),
        "submit": plain("Hold", 24),
        "close": plain("Cancel", 24),
        "blocks": [
            section(clean(ticket.subject, 40), " · ", clean(ticket.title, 200)),
            section(
                "A held ticket does not resolve by itself and is not repeated. If it gets worse, "
                "you are told all the same."
            ),
            _select(options, usual),
            _healthy(),
            _reason(),
        ],
    }


def _select(options: list[dict[str, Any]], usual: dict[str, Any]) -> View:
    return {
        "type": "input",
        "block_id": ids.HOLD_FOR_BLOCK,
        "label": plain("For how long", 2000),
        "element": {
            "type": "static_select",
            "action_id": ids.HOLD_FOR,
            "options": options,
            "initial_option": usual,
        },
    }


def _healthy() -> View:
    option = {
        "text": plain("End the hold as soon as it is healthy again", 75),
        "value": ids.HOLD_HEALTHY,
    }
    return {
        "type": "input",
        "block_id": ids.HOLD_HEALTHY_BLOCK,
        "optional": True,
        "label": plain("Until healthy", 2000),
        "element": {"type": "checkboxes", "action_id": ids.HOLD_HEALTHY, "options": [option]},
    }


def _reason() -> View:
    return {
        "type": "input",
        "block_id": ids.HOLD_REASON_BLOCK,
        "optional": True,
        "label": plain("Reason", 2000),
        "hint": plain("The channel reads it beside your name.", 2000),
        "element": {
            "type": "plain_text_input",
            "action_id": ids.HOLD_REASON,
            "max_length": MAX_REASON,
            "placeholder": plain("Disk swap on tikv-3, back by noon", 150),
        },
    }


def read_hold(values: Mapping[str, Any]) -> Wish:
    """What `view.state.values` of the hold dialogue says. Invalid for a duration that is none.

    Inputs that are missing (an older release's dialogue) count as left empty.
    """
    chosen = _input(values, ids.HOLD_FOR_BLOCK, ids.HOLD_FOR).get("selected_option") or {}
    length = str(chosen.get("value") or ids.HOLD_FOREVER)
    ticked = _input(values, ids.HOLD_HEALTHY_BLOCK, ids.HOLD_HEALTHY).get("selected_options")
    reason = _input(values, ids.HOLD_REASON_BLOCK, ids.HOLD_REASON).get("value")
    seconds = None if length == ids.HOLD_FOREVER else parse_duration(length)
    return Wish(seconds, bool(ticked), str(reason or ""))


def _input(values: Mapping[str, Any], block: str, action: str) -> Mapping[str, Any]:
    found = (values.get(block) or {}).get(action)
    return found if isinstance(found, Mapping) else {}
