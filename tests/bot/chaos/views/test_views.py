"""What people read of experiments: every message is one that Slack takes, and says what it must."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot import ids
from bot.blocks import Message
from bot.chaos.views import card, lists, modal, report
from bot.flat import flatten
from bot.validate import problems
from core.chaos.model import Stage
from core.runs.model import Outcome, State
from tests.bot.chaos import made
from tests.bot.samples import HOSTILE, HUGE, NOW

MESSAGES = made.messages()


def said(message: Message) -> str:
    return flatten(message.blocks)


def buttons(message: Message) -> list[str]:
    return [e["action_id"] for b in message.blocks if b["type"] == "actions" for e in b["elements"]]


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_one_that_slack_takes(name: str) -> None:
    assert problems(MESSAGES[name]) == ()


@pytest.mark.parametrize("name", [n for n in MESSAGES if "hostile" in n])
def test_nothing_in_data_is_read_as_markup(name: str) -> None:
    message = MESSAGES[name]
    everything = json.dumps(message.payload(), ensure_ascii=False)

    assert "\u202e" not in everything
    assert "<!channel>" not in message.text
    assert '"type": "mrkdwn", "text": "<!channel>' not in everything


def test_a_card_names_cluster_state_experiment_and_target_first() -> None:
    message = card.card(made.shown())

    assert (
        message.blocks[0]["text"]["text"] == "🧪 prod-eu · Experiment running · kill-store: tikv-2"
    )
    assert message.text == (
        "prod-eu: experiment kill-store on tikv-2, broken on purpose, watching. Run 7."
    )


def test_a_card_says_what_is_done_how_far_it_reaches_and_how_it_is_undone() -> None:
    text = said(card.card(made.shown()))

    assert "kill the container tikv-2 (SIGKILL)" in text
    assert "1 of 3 stores, 683 leaders" in text
    assert "start it again" in text
    assert "Margin: 1 → 0" in text
    assert "Ana Ruiz" in text


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        (Stage.BASELINE, "● baseline"),
        (Stage.INJECT, "✓ baseline   ● fault"),
        (Stage.WATCH, "✓ fault   ● watch   ○ heal"),
        (Stage.HEAL, "● heal   ○ recovery"),
        (Stage.RECOVER, "✓ heal   ● recovery"),
    ],
)
def test_the_steps_show_where_it_is_by_shape_not_by_colour(stage: Stage, shown: str) -> None:
    assert shown in said(card.card(made.shown(made.run(stage=stage))))


def test_the_end_of_the_fault_is_a_time_in_the_readers_own_zone() -> None:
    message = card.card(made.shown(told=made.story(injected_at=NOW, ends_at=NOW + 30)))

    assert f"<!date^{int(NOW + 30)}^{{time_secs}}|" in json.dumps(message.blocks[1])


def test_detection_and_diagnosis_stand_on_the_card_with_their_delay() -> None:
    text = said(card.card(made.ended()))

    assert "after 0.6 s, ticket 42 (store_down)" in text
    assert "after 1.4 s: process killed (right)" in text
    assert "after 36 s" in text


def test_what_was_not_detected_is_said_so_only_once_there_was_something_to_detect() -> None:
    before, live, over = (
        said(card.card(one))
        for one in (
            made.shown(),
            made.shown(told=made.story(injected_at=NOW)),
            made.shown(
                made.run(state=State.FINISHED, outcome=Outcome.FAILED, finished_at=NOW),
                made.story(injected_at=NOW - 30),
            ),
        )
    )

    assert "not yet" not in before
    assert "not yet" in live
    assert "not yet" not in over


def test_only_a_live_run_that_nobody_aborted_has_the_abort_button() -> None:
    live, aborting, over = (
        buttons(card.card(one))
        for one in (
            made.shown(),
            made.shown(made.run(abort_at=NOW, abort_by="slack:U0BEN")),
            made.ended(),
        )
    )

    assert live == [ids.CHAOS_ABORT]
    assert aborting == over == []


def test_aborting_is_confirmed_with_target_and_undo() -> None:
    [row] = [b for b in card.card(made.shown()).blocks if b["type"] == "actions"]
    asked = row["elements"][0]["confirm"]

    assert "tikv-2 is healed (start it again)" in asked["text"]["text"]
    assert asked["style"] == "danger"


def test_who_aborted_and_why_is_named() -> None:
    aborting = made.run(abort_at=NOW, abort_by="slack:U0BEN", abort_reason="wrong day")

    assert "Abort asked for by Ben Okafor: wrong day" in said(card.card(made.shown(aborting)))


def test_who_is_named_in_a_reason_is_named_as_people_know_them() -> None:
    told = made.story(**{**made.OVER, "why": "aborted by slack:U0BEN: wrong day"})
    shown = replace(made.ended(Outcome.ABORTED), story=told)

    assert "Aborted by Ben Okafor: wrong day" in said(card.card(shown))
    assert "Aborted by Ben Okafor" in card.card(shown).text
    assert "U0BEN" not in said(report.report(shown))


def test_an_aborted_run_says_once_who_aborted_it_and_nothing_of_a_recovery_not_waited_for() -> None:
    told = {**made.OVER, "why": "aborted by slack:U0BEN; tikv-2 was healed.", "recovered_at": None}
    of = {"abort_at": NOW, "abort_by": "slack:U0BEN", "abort_reason": "wrong day"}
    shown = replace(made.ended(Outcome.ABORTED, **of), story=made.story(**told))

    on_card, in_report = said(card.card(shown)), said(report.report(shown))

    assert on_card.count("Ben Okafor") == in_report.count("Ben Okafor") == 1
    assert "Reason given: wrong day" in in_report
    assert "Recovered" not in on_card + in_report


def test_the_name_of_an_invariant_keeps_its_letters_at_the_start_of_a_sentence() -> None:
    told = made.story(**{**made.OVER, "why": "store_down was not detected within 10 s"})
    shown = replace(made.ended(Outcome.FAILED), story=told)

    assert "store_down was not detected" in said(card.card(shown))
    assert "Store_down" not in said(report.report(shown)) + card.card(shown).text


def test_one_after_the_other_counts_which_one_it_is() -> None:
    one = made.story(waiting=("store:4",))
    second = made.story(waiting=("store:4", "store:5"), done=("store:1",))

    assert "watching." in said(card.card(made.shown(told=one)))
    assert "watching, 2 of 3." in said(card.card(made.shown(told=second)))


def test_tickets_opened_meanwhile_are_listed_a_few_by_name() -> None:
    tickets = tuple(made.ticket(id=n) for n in range(50, 60))

    text = said(card.card(made.shown(tickets=tickets)))

    assert "Ticket 54, critical, open: Store 4 (tikv-2:20160) is down" in text
    assert "and 5 more" in text


def test_a_report_tells_the_whole_story_without_its_picture() -> None:
    text = said(report.report(made.ended()))

    for part in (
        "✅ Passed: kill-store on tikv-2 (store:4)",
        "Detected: after 0.6 s, ticket 42 (store_down), 15 s allowed",
        "Diagnosed: after 1.4 s: process killed (right)",
        "Healed: after 31 s, seen in its state before",
        "Recovered: after 36 s, 2 min allowed",
        "Asked for by: Ana Ruiz",
        "Tickets meanwhile: 42",
    ):
        assert part in text


def test_a_wrong_diagnosis_is_told_beside_the_truth() -> None:
    told = made.story(**{**made.OVER, "right": False, "diagnosed_as": "disk_full"})

    text = said(report.report(replace(made.ended(), story=told)))

    assert "disk full (wrong); in truth: the process of store:4 was killed" in text


def test_the_right_cause_without_certainty_is_told_from_a_wrong_one() -> None:
    told = {**made.OVER, "right": False, "truth": "process_killed"}

    unsure = said(card.card(replace(made.ended(), story=made.story(**told))))
    wrong = said(
        card.card(replace(made.ended(), story=made.story(**{**told, "diagnosed_as": "disk_full"})))
    )

    assert "process killed (fits, but not sure of it)" in unsure
    assert "disk full (wrong)" in wrong


def test_what_was_not_seen_healed_is_the_loudest_line() -> None:
    told = made.story(**{**made.OVER, "healed_at": None, "recovered_at": None})

    text = said(report.report(replace(made.ended(Outcome.UNKNOWN), story=told)))

    assert "⚠️ not seen yet; Tocsin keeps trying" in text


def test_a_refused_run_says_why_and_that_nothing_was_broken() -> None:
    refused = made.run(state=State.FINISHED, outcome=Outcome.REFUSED, finished_at=NOW)
    text = said(report.report(made.shown(refused, made.story(why="already sick: store 1 is down"))))

    assert "⛔ Refused" in text
    assert "Already sick: store 1 is down" in text
    assert "Nothing was broken." in text


# The dialogue.

VIEWS = {
    "loading": modal.loading("kill-store", "prod-eu"),
    "confirm": modal.confirm(made.preview(), "x" * 2000),
    "refused": modal.confirm(made.preview(refused="margin 0 -> majority lost"), "w"),
    **{
        f"{kind} {name}": view
        for name, text in (("hostile", HOSTILE), ("huge", HUGE), ("empty", ""))
        for kind, view in (
            ("loading", modal.loading(text, text)),
            (
                "confirm",
                modal.confirm(
                    made.preview(
                        name=text, title=text, subject=text, target=text, entity=text, words=text,
                        radius=text, undo_words=text, margin=text, expects=(text,) * 9,
                    ),
                    "w",
                ),
            ),
            ("refused", modal.confirm(made.preview(title=text, margin=text, refused=text or "x"), "w")),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_every_dialogue_is_one_that_slack_takes(name: str) -> None:
    assert problems(VIEWS[name]) == ()


def test_the_dialogue_shows_target_reach_margin_and_undo_before_anything_happens() -> None:
    view = modal.confirm(made.preview(), "w")
    text = flatten(tuple(view["blocks"]))

    for part in (
        "tikv-2",
        "1 of 3 stores",
        "margin 1 → 0",
        "start it again",
        "30 s",
        "store_down",
    ):
        assert part in text
    assert view["submit"]["text"] == "Run"
    assert view["callback_id"] == ids.CHAOS_RUN_VIEW


def test_a_refusal_has_no_run_button() -> None:
    view = modal.confirm(made.preview(refused="margin 0 -> majority lost"), "w")

    assert "submit" not in view
    assert "margin 0 → majority lost" in flatten(tuple(view["blocks"]))


# Lists.


def test_the_catalogue_says_what_cannot_be_run_and_why() -> None:
    text = said(MESSAGES["catalogue"])

    assert "kill-store Kill a store, for 30 s; found within 15 s by store_down" in text
    assert "slow no netem here" in text
    assert "chaos is not enabled for it" in text


def test_status_shows_what_runs_what_is_planned_and_what_is_not_healed() -> None:
    text = said(MESSAGES["status"])

    assert "Broken on purpose and not seen healed yet" in text
    assert "kill-store on prod-eu, run 7" in text
    assert "Plan 3: kill-store store:4 on prod-eu" in text
    assert "tue Europe/Berlin" in text
    assert "Europe/Berlin, only 9-17 h, by Ana Ruiz" in text
    assert "Run 7, kill-store on prod-eu" in text


def test_a_missed_plan_says_that_it_is_not_made_up_for() -> None:
    text = said(MESSAGES["missed"])

    assert "was skipped: Tocsin was not running. It is not made up for; next" in text


def test_why_a_plan_was_missed_may_be_a_sentence_of_its_own() -> None:
    told = lists.missed(made.planned(), NOW, "There is no experiment called 'x'.")

    assert "called 'x'. It is not made up for" in said(told)
    assert told.text.endswith("called 'x'.")


def test_help_shows_an_example_of_every_verb() -> None:
    text = said(lists.help_text())

    assert all(f"/chaos {verb}" in text for verb in ("list", "run", "status", "abort", "schedule"))
