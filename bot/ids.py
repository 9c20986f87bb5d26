"""The wire contract with Slack: names of commands, buttons and views, and what button values mean.

A button's value carries an opaque id and a version, nothing else; everything it stands for lives in
the database. Names never change their meaning: buttons posted by an older release keep working.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Slash commands.
TICKETS = "/tickets"
MONITOR = "/monitor"
CHAOS = "/chaos"
COMMANDS = (TICKETS, MONITOR, CHAOS)

# Buttons about one ticket; value: ticket_value().
TICKET_ACKNOWLEDGE = "ticket_acknowledge"
TICKET_RESOLVE = "ticket_resolve"
TICKET_RESOLVE_ANYWAY = "ticket_resolve_anyway"
TICKET_HOLD = "ticket_hold"
TICKET_UNHOLD = "ticket_unhold"
TICKET_DETAILS = "ticket_details"
TICKET_DIAGNOSE = "ticket_diagnose"
TICKET_MORE = "ticket_more"
"""An overflow menu; its options carry more_value(action id, ticket value)."""

# Paging for the person who asked; value: listing_value().
LISTING_PREVIOUS = "listing_previous"
LISTING_NEXT = "listing_next"

# A storm's members, paged for the person who asked; value: gathering_value().
STORM_SHOW = "storm_show"
STORM_PREVIOUS = "storm_previous"
STORM_NEXT = "storm_next"

# What was already broken when a subject was first seen; value: gathering_value().
ADOPTION_ACCEPT = "adoption_accept"
ADOPTION_SHOW = "adoption_show"

# Ends a pause now; value: maintenance_value().
MONITOR_RESUME = "monitor_resume"

# Buttons about one diagnosis; value: diagnosis_value().
DIAGNOSIS_REASONING = "diagnosis_reasoning"
DIAGNOSIS_RECHECK = "diagnosis_recheck"
DIAGNOSIS_AGAIN = "diagnosis_again"
DIAGNOSIS_USEFUL = "diagnosis_useful"
DIAGNOSIS_USELESS = "diagnosis_useless"
# The tabs and pages of its reasoning; value: diagnosis_value() with tab and page.
DIAGNOSIS_TABS = ("claims", "rivals", "times", "commands")
DIAGNOSIS_PREVIOUS = "diagnosis_previous"
DIAGNOSIS_NEXT = "diagnosis_next"

# Ends what a model is working on; value: investigation_value().
INVESTIGATION_STOP = "investigation_stop"

# Ends an experiment early; value: run_value().
CHAOS_ABORT = "chaos_abort"

# App Home; value: "home".
HOME_REFRESH = "home_refresh"

# Buttons that only open a link: Slack reports the click, nothing is to be done. Several in one
# block are told apart by a number: link_id().
LINK = "link"

ACTIONS = (
    TICKET_ACKNOWLEDGE,
    TICKET_RESOLVE,
    TICKET_RESOLVE_ANYWAY,
    TICKET_HOLD,
    TICKET_UNHOLD,
    TICKET_DETAILS,
    TICKET_DIAGNOSE,
    TICKET_MORE,
    LISTING_PREVIOUS,
    LISTING_NEXT,
    STORM_SHOW,
    STORM_PREVIOUS,
    STORM_NEXT,
    ADOPTION_ACCEPT,
    ADOPTION_SHOW,
    MONITOR_RESUME,
    DIAGNOSIS_REASONING,
    DIAGNOSIS_RECHECK,
    DIAGNOSIS_AGAIN,
    DIAGNOSIS_USEFUL,
    DIAGNOSIS_USELESS,
    *(f"diagnosis_{tab}" for tab in DIAGNOSIS_TABS),
    DIAGNOSIS_PREVIOUS,
    DIAGNOSIS_NEXT,
    INVESTIGATION_STOP,
    CHAOS_ABORT,
    HOME_REFRESH,
)

# Modals (callback ids); private_metadata: ticket_value(), and what bot.chaos.wish writes.
HOLD_VIEW = "hold_view"
CHAOS_RUN_VIEW = "chaos_run_view"
VIEWS = (HOLD_VIEW, CHAOS_RUN_VIEW)

# Inputs of the hold modal. The select offers HOLD_CHOICES as (value, what the person reads).
HOLD_FOR_BLOCK = "hold_for_block"
HOLD_FOR = "hold_for"
HOLD_HEALTHY_BLOCK = "hold_healthy_block"
HOLD_HEALTHY = "hold_healthy"
"""Checkboxes with one option of this value: the hold also ends when it is healthy again."""
HOLD_REASON_BLOCK = "hold_reason_block"
HOLD_REASON = "hold_reason"
HOLD_FOREVER = "unheld"
HOLD_CHOICES = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("7d", "7 days"),
    (HOLD_FOREVER, "Until somebody unholds it"),
)

# Metadata that travels with every message of ours.
METADATA_EVENT = "tocsin_effect"


@dataclass(frozen=True, slots=True)
class TicketValue:
    """Which ticket a button is about, and which version of it the person was looking at."""

    ticket_id: int
    version: int


_TICKET = re.compile(r"t:(\d{1,18})(?::(\d{1,18}))?(?::.*)?", re.ASCII | re.DOTALL)


def ticket_value(ticket_id: int, version: int) -> str:
    """What a ticket's button carries: "t:42:7"."""
    return f"t:{ticket_id}:{version}"


def parse_ticket(value: str) -> TicketValue | None:
    """The reverse; lenient about a missing version and later additions; None if it is not ours."""
    found = _TICKET.fullmatch(value)
    if found is None:
        return None
    return TicketValue(int(found[1]), int(found[2] or 0))


def more_value(action: str, value: str) -> str:
    """What an option of an overflow menu carries: "ticket_details t:42:7"."""
    return f"{action} {value}"


def parse_more(value: str) -> tuple[str, str]:
    """The action and the value that an option of an overflow menu stands for."""
    action, _, rest = value.partition(" ")
    return action, rest


def listing_value(page: int, filter_text: str) -> str:
    """What a listing's paging button carries: the page that it leads to, and what is listed."""
    return f"l:{page}:{filter_text[:500]}"


def parse_listing(value: str) -> tuple[int, str] | None:
    """The page (from 0) and the filter's words; None if it is not ours."""
    found = re.fullmatch(r"l:(\d{1,9}):(.*)", value, re.ASCII | re.DOTALL)
    return None if found is None else (int(found[1]), found[2])


def gathering_value(ref: str, page: int = 0) -> str:
    """What a button of a storm or an adoption carries: its reference and a page (from 0)."""
    return f"g:{page}:{ref}"


def parse_gathering(value: str) -> tuple[str, int] | None:
    """The reference and the page; None if it is not ours."""
    found = re.fullmatch(r"g:(\d{1,9}):(.+)", value, re.ASCII | re.DOTALL)
    return None if found is None else (found[2], int(found[1]))


def maintenance_value(maintenance_id: int) -> str:
    """What the button that ends a pause carries."""
    return f"m:{maintenance_id}"


def parse_maintenance(value: str) -> int | None:
    """Which pause; None if it is not ours."""
    found = re.fullmatch(r"m:(\d{1,18})", value, re.ASCII)
    return None if found is None else int(found[1])


@dataclass(frozen=True, slots=True)
class DiagnosisValue:
    """Which diagnosis a button is about, and which tab and page (from 0) of its reasoning."""

    diagnosis_id: int
    tab: str = ""
    page: int = 0


_DIAGNOSIS = re.compile(
    r"d:(\d{1,18})(?::([a-z]{1,20})(?::(\d{1,9}))?)?(?::.*)?", re.ASCII | re.DOTALL
)


def diagnosis_value(diagnosis_id: int, tab: str = "", page: int = 0) -> str:
    """What a diagnosis' button carries: "d:7", or "d:7:claims:0"."""
    return f"d:{diagnosis_id}:{tab}:{page}" if tab else f"d:{diagnosis_id}"


def parse_diagnosis(value: str) -> DiagnosisValue | None:
    """The reverse; an unknown tab is the first; None if it is not ours."""
    found = _DIAGNOSIS.fullmatch(value)
    if found is None:
        return None
    tab = found[2] if found[2] in DIAGNOSIS_TABS else ""
    return DiagnosisValue(int(found[1]), tab, int(found[3] or 0))


def tab_id(tab: str) -> str:
    """The action id of a tab of the reasoning."""
    return f"diagnosis_{tab}"


def investigation_value(investigation_id: int) -> str:
    """What the button that stops an investigation carries."""
    return f"i:{investigation_id}"


def parse_investigation(value: str) -> int | None:
    """Which investigation; None if it is not ours."""
    found = re.fullmatch(r"i:(\d{1,18})", value, re.ASCII)
    return None if found is None else int(found[1])


def run_value(run_id: int) -> str:
    """What a run's button carries."""
    return f"r:{run_id}"


def parse_run(value: str) -> int | None:
    """Which run; None if it is not ours."""
    found = re.fullmatch(r"r:(\d{1,18})(?::.*)?", value, re.ASCII | re.DOTALL)
    return None if found is None else int(found[1])


def link_id(number: int) -> str:
    """The action id of the n-th button in a block that only opens a link."""
    return f"{LINK}_{number}"
