"""The dialogue behind a diagnosis: its tabs and pages, within Slack's limits whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot import ids
from bot.diagnosis.reasoning import PER_PAGE, modal
from bot.local.validate.views import check_view
from bot.validate import problems
from core.diagnosis.model import Command
from tests.bot import samples
from tests.bot.samples_diagnosis import awful_shown, shown
from tests.bot.test_messages import walk
from tests.flows.stage import read

TABS = ids.DIAGNOSIS_TABS
INPUTS = {"hostile": samples.HOSTILE, "huge": samples.HUGE, "empty": "", "blank": " \n\t "}


def pages(one: Any, tab: str) -> Iterator[dict[str, Any]]:
    """All pages of a tab."""
    for page in range(1000):
        view = modal(one, tab, page)
        yield view
        if not any(e.get("action_id") == ids.DIAGNOSIS_NEXT for e in walk(view["blocks"])):
            return


@pytest.mark.parametrize("tab", TABS)
def test_a_real_one_is_within_slacks_limits_in_every_tab(tab: str) -> None:
    for view in pages(shown(), tab):
        assert problems(view) == ()


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("kind", INPUTS)
def test_whatever_a_model_writes_keeps_within_the_limits_and_stays_data(
    tab: str, kind: str
) -> None:
    one = awful_shown(INPUTS[kind])
    for view in (modal(one, tab), modal(one, tab, 10**6)):
        assert problems(view) == ()
        types = {one.get("type") for one in walk(view["blocks"])}
        assert not types & {"link", "emoji", "broadcast", "user", "usergroup", "mrkdwn"}
        for one in walk(view["blocks"]):
            assert one.get("type") != "plain_text" or one["emoji"] is False


def test_every_claim_of_a_real_one_is_on_some_page_with_its_evidence() -> None:
    one = shown()
    said = " ".join(read(view["blocks"]) for view in pages(one, "claims"))
    for claim in one.diagnosis.claims:
        assert claim.words in said
        assert claim.check.evidence in said


def test_many_claims_come_in_pages_and_a_page_past_the_end_is_the_last() -> None:
    one = awful_shown("x")
    made = list(pages(one, "rivals"))
    assert len(made) == -(-len(one.diagnosis.alternatives) // PER_PAGE)
    assert modal(one, "rivals", 10**6) == made[-1]
    assert read(made[-1]["blocks"]).count("Page ") == 1


def test_a_command_is_shown_only_if_the_catalogue_made_it() -> None:
    hostile = awful_shown("x; rm -rf / #")
    assert "There is no command that fits" in read(modal(hostile, "commands")["blocks"])
    assert not [one for one in walk(modal(hostile, "commands")["blocks"]) if _box(one)]


def _box(part: dict[str, Any]) -> bool:
    return part.get("type") == "rich_text_preformatted"


def test_a_command_that_changes_something_says_so() -> None:
    said = read(modal(shown(), "commands")["blocks"])
    assert "Changes something:  starts it." in said
    assert "Reads only:  what PD says of the store." in said


def test_the_tab_that_is_open_is_marked_and_remembered() -> None:
    view = modal(shown(), "times")
    marked = [one for one in walk(view["blocks"]) if one.get("style") == "primary"]
    assert [one["action_id"] for one in marked] == ["diagnosis_times"]
    assert ids.parse_diagnosis(view["private_metadata"]) == ids.DiagnosisValue(7, "times", 0)


def test_an_unknown_tab_is_the_first() -> None:
    assert modal(shown(), "of a later release") == modal(shown())
    assert json.dumps(modal(shown()))


def test_the_local_workspace_takes_it_too() -> None:
    for tab in TABS:
        assert check_view(modal(shown(), tab)) == []


def test_a_template_of_a_later_release_is_left_out() -> None:
    one = shown()
    made = replace(one.diagnosis, commands=(Command("pd-of-tomorrow", {}),))
    assert "There is no command" in read(modal(replace(one, diagnosis=made), "commands")["blocks"])


def test_every_risk_stands_beside_the_commands() -> None:
    one = shown()
    risks = ("Mind the first.", "Mind the second.", "Mind the third.")
    made = replace(one.diagnosis, risks=risks, affected=("store:4", "cluster", "pd:pd-0"))
    said = read(modal(replace(one, diagnosis=made), "commands")["blocks"])
    assert all(risk in said for risk in risks)
    assert "Also affected: the cluster, PD member pd-0." in said
