"""A diagnosis as a message: certainty first, three headers, short, and what changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import certainty, ids
from bot.diagnosis import answer, progress, recheck, views
from core.diagnosis import recheck as core_recheck
from core.diagnosis.claims import Outcome
from core.diagnosis.encode import Answer
from core.diagnosis.model import Certainty, Reason, Weight
from tests.bot.samples_diagnosis import ANA, WORK, evidence, shown
from tests.flows.stage import read


def first_line(message: object) -> str:
    return read(message.blocks[0]).strip()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("scenario", "begins"),
    [
        ("killed-by-docker", "● Confirmed  · First look  · process killed, store 4"),
        ("withheld-how-it-ended", "○ Inconclusive  · First look"),
        ("control-noisy-log", "◐ Likely  · First look  · nothing wrong, store 1"),
    ],
)
def test_certainty_comes_first_in_sign_and_word(scenario: str, begins: str) -> None:
    assert first_line(views.diagnosis(shown(scenario))).startswith(begins)


def test_what_is_not_sure_is_not_said_as_if_it_were() -> None:
    said = read(views.diagnosis(shown("withheld-how-it-ended")).blocks)
    assert "What was seen does not tell for sure. Most probable: The process" in said
    assert certainty.headline(shown("withheld-how-it-ended").diagnosis).startswith(
        "○ Inconclusive, most probable: "
    )


def test_it_has_three_headers_and_few_blocks() -> None:
    message = views.diagnosis(shown())
    assert len(message.blocks) == 6
    said = read(message.blocks)
    heads = [said.index(one) for one in ("What is going on", "Why", "What next")]
    assert heads == sorted(heads)


def test_a_claim_names_its_evidence_and_its_value_unless_its_words_do() -> None:
    said = read(views.diagnosis(shown()).blocks)
    listed = {one.words: one.check.evidence for one in shown().diagnosis.claims}
    refused = next(one for one in listed if "refuses the connection" in one)
    ended = next(one for one in listed if "exit code 137" in one)
    assert f"{refused}  {listed[refused]}: connection refused" in said
    assert f"{ended}  {listed[ended]} " in said


def test_what_speaks_against_it_is_never_cut_off_for_length() -> None:
    one = shown()
    claims = one.diagnosis.claims
    against = replace(claims[-1], weight=Weight.CONTRADICTING, words="It answers all the same")
    made = replace(one.diagnosis, claims=(*claims[:-1], against))
    said = read(views.diagnosis(replace(one, diagnosis=made)).blocks)
    assert "Against it: It answers all the same" in said
    assert "and 3 more" in said


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (Certainty.LIKELY, "Surer than before: it was ◐ likely. Same cause."),
        (Certainty.CONFIRMED, ""),
    ],
)
def test_a_revision_says_what_changed_of_its_certainty(before: Certainty, says: str) -> None:
    now = shown().diagnosis
    assert views.change(replace(now, certainty=before), now) == says


def test_a_revision_says_what_was_thought_before() -> None:
    before, now = shown("paused").diagnosis, shown(reason=Reason.SOON).diagnosis
    told = views.change(before, now)
    assert told == "Revised. The first look said ● confirmed: process hung, store 4."
    assert views.change(None, now) == ""
    assert views.change(now, shown("paused", reason=Reason.SOON).diagnosis).startswith(
        "Revised. It said ● confirmed: process killed"
    )


def buttons(message: object) -> list[str]:
    return [one["action_id"] for one in message.blocks[-1]["elements"]]  # type: ignore[attr-defined]


def test_what_can_be_pressed_depends_on_whether_it_still_counts() -> None:
    kept = [ids.DIAGNOSIS_REASONING, ids.DIAGNOSIS_USEFUL, ids.DIAGNOSIS_USELESS]
    acting = [ids.DIAGNOSIS_RECHECK, ids.DIAGNOSIS_AGAIN]
    assert buttons(views.diagnosis(shown())) == [kept[0], *acting, *kept[1:]]
    assert buttons(views.diagnosis(shown(superseded=True))) == kept
    assert buttons(views.diagnosis(shown(final=True))) == kept


def test_only_a_first_look_says_that_it_is_looked_at_again() -> None:
    again = "looked at again after 30 s and 5 min"
    assert again in read(views.diagnosis(shown()).blocks)
    assert again not in read(views.diagnosis(shown(reason=Reason.SOON)).blocks)
    assert again not in read(views.diagnosis(shown(superseded=True)).blocks)


def test_then_and_now_show_what_does_not_hold_any_more_first() -> None:
    then, now = evidence("killed-by-docker"), evidence("control-noisy-log")
    found = core_recheck.again(7, shown().diagnosis, then, now)
    message = recheck.rechecked(found)
    verdict, worst = read(message.blocks[0]), read(message.blocks[1])
    assert "still hold" in verdict
    assert worst.strip().startswith("✕")
    assert "not so any more" in worst
    same = recheck.rechecked(core_recheck.again(7, shown().diagnosis, then, then))
    assert read(same.blocks[0]).startswith("All ")
    assert "then and now" in read(same.blocks[1])


def test_money_is_never_told_as_nothing_where_something_was_paid() -> None:
    told = [certainty.dollars(one) for one in (0, 1, 999, 31_400, 1_234_567)]
    assert told == ["$0", "under $0.001", "under $0.001", "$0.031", "$1.23"]


def test_only_a_model_that_works_can_be_stopped() -> None:
    assert buttons(progress.progress(WORK)) == [ids.INVESTIGATION_STOP]
    for one in (replace(WORK, stopped_by=ANA), replace(WORK, ended="done")):
        assert all(block["type"] != "actions" for block in progress.progress(one).blocks)


@pytest.mark.parametrize(
    ("words", "value", "told"),
    [
        ("It ended by SIGKILL (exit code 137)", "137", True),
        ("unreachable, 0.5468 times a second", "0.547", True),
        ("RocksDB holds up writes for 900,000 µs", "900,000", True),
        ("Store 4 is down", "5", False),
        ("tikv-4:20160 is down", "20160", True),
        ("PD calls it Disconnected", "disconnected", True),
        ("nothing listens", "connection refused", False),
        ("anything", "", True),
    ],
)
def test_a_value_that_the_words_tell_is_not_told_twice(words: str, value: str, told: bool) -> None:
    assert certainty.says(words, value) is told


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        ("control-lower-version-everywhere", "blind_share 0"),
        ("blind-to-one-store", "unreachable_per_s 0"),
        ("oom-by-kernel-log", "2026-06-13 09:00 UTC → 2026-06-20 08:59 UTC"),
        ("pd-leader-killed", "First look  · PD leader loss"),
    ],
)
def test_a_bare_figure_has_its_name_and_an_instant_is_a_time(scenario: str, says: str) -> None:
    assert says in read(views.diagnosis(shown(scenario)).blocks)


def test_of_a_ticket_that_ended_it_is_said_what_it_was() -> None:
    sure, unsure = shown().diagnosis, shown("withheld-how-it-ended").diagnosis
    assert certainty.was(sure) == "● Confirmed: it was process killed, store 4"
    assert certainty.was(unsure).startswith("○ Inconclusive: it was most probably ")
    unknown = replace(unsure, cause="unknown")
    assert certainty.was(unknown) == "○ Inconclusive: its cause is not known"


def test_a_refuted_alternative_does_not_read_as_a_refuted_diagnosis() -> None:
    made, then = shown().diagnosis, evidence("killed-by-docker")
    found = core_recheck.again(7, made, then, then)
    missed = replace(next(one for one in found.lines if one.rival).now, outcome=Outcome.FAILS)
    lines = tuple(replace(one, now=missed) if one.rival else one for one in found.lines)
    told = [read(one) for one in recheck.rechecked(replace(found, lines=lines)).blocks]
    assert told[0] == f"All {len(made.claims)} claims still hold."
    middle = next(n for n, one in enumerate(told) if "Of the alternatives" in one)
    assert not any("✕" in one for one in told[:middle])
    assert f"0 of {sum(one.rival for one in found.lines)} claims still hold" in told[middle]
    whole = [read(one) for one in recheck.rechecked(found).blocks]
    assert any("which were not chosen: all " in one for one in whole)


def test_a_list_of_questions_has_nothing_to_press_and_cites_nothing() -> None:
    made = shown()
    listed = Answer("Only some questions.", (), ("why?",))
    bare = answer.answered(replace(made, answer=listed))
    assert "why?" in read(bare.blocks)
    assert "evidence is cited" not in read(bare.blocks)
    assert all(one["type"] != "actions" for one in bare.blocks)
    told = answer.answered(replace(made, answer=Answer("Because.", ("e1",))))
    assert "Evidence: e1" in read(told.blocks)
