"""Status, pauses and gaps."""

from __future__ import annotations

from dataclasses import replace

from bot import ids
from bot.monitor import views
from bot.monitor.views import Delivery, Pause, SubjectStatus
from tests.bot.samples import ANA, BEN, NOW, name_of, slow, ticket

PAUSE = Pause(3, "prod-eu", NOW, NOW + 1800, ANA, "upgrade")
GOOD = SubjectStatus("prod-eu", "prod-eu", NOW - 1, 0.031, 0.5, 0, 0, 96, 0)


def status(*subjects: SubjectStatus, delivery: Delivery | None = None) -> str:
    return views.status(subjects, delivery or Delivery(), NOW, name_of).fallback().text


def test_all_well_is_said_in_one_line() -> None:
    text = status(GOOD)
    assert "🟢 prod-eu: all well" in text
    assert "every 0.5 s, took 31 ms" in text
    assert "🟢 Delivery to Slack" in text


def test_what_cannot_be_seen_is_said_with_why() -> None:
    text = status(replace(GOOD, blind=(("pd", "connection refused"),)))
    assert "🟠 prod-eu" in text
    assert "Cannot see pd: connection refused" in text


def test_a_subject_that_is_no_longer_watched_is_not_called_well() -> None:
    assert "🟠 prod-eu: not watched for 6 min 40 s" in status(replace(GOOD, at=NOW - 400))
    assert "⚪ prod-eu: not looked at yet" in status(replace(GOOD, at=None))
    assert "Nothing is watched yet" in status()


def test_a_slow_pace_is_not_late_before_ten_of_its_intervals() -> None:
    assert not views.late(replace(GOOD, at=NOW - 299, interval_s=30), NOW)
    assert views.late(replace(GOOD, at=NOW - 301, interval_s=30), NOW)


def test_a_backlog_and_a_parked_channel_are_told() -> None:
    bad = Delivery(12, 75, (("#prod", "archived"),), 2, "Slack answers slowly")
    text = status(GOOD, delivery=bad)
    assert "🟠 Delivery to Slack" in text
    assert "12 messages waiting, the oldest for 1 min 15 s" in text
    assert "Cannot post to #prod: archived" in text


def test_sixty_subjects_are_cut_with_a_count() -> None:
    assert "and 45 more subjects" in status(*(replace(GOOD, name=str(n)) for n in range(60)))


def test_a_pause_says_by_whom_until_when_why_and_how_to_end_it() -> None:
    made = views.maintenance_started(PAUSE, name_of)
    assert made.text.startswith("🔧 prod-eu: notifications paused by Ana Ruiz until <!date^")
    assert made.text.endswith(": upgrade")
    assert made.blocks[-1]["elements"][0]["action_id"] == ids.MONITOR_RESUME
    assert "all clusters" in views.maintenance_started(replace(PAUSE, subject="")).text


def test_a_pause_that_ended_offers_nothing_more() -> None:
    made = views.maintenance_started(replace(PAUSE, ended_at=NOW), name_of)
    assert [b["type"] for b in made.blocks] == ["rich_text"]


def test_the_end_of_a_pause_tells_what_is_still_broken() -> None:
    over = replace(PAUSE, ended_at=NOW, ended_by=BEN)
    made = views.maintenance_ended(over, (ticket(), slow()), 14, name_of)
    text = made.fallback().text
    assert text.startswith("🔧 prod-eu: the pause was ended by Ben Okafor. 14 tickets still open:")
    assert "Ticket 42, critical, open: prod-eu, Store 4" in text
    assert "and 12 more: /tickets list" in text
    well = views.maintenance_ended(PAUSE, (), 0, name_of).text
    assert well == "🔧 prod-eu: the pause is over. Nothing is broken. ✅"


def test_a_gap_says_from_when_to_when_and_what_changed() -> None:
    text = views.gap("prod-eu", NOW - 3300, NOW, 2, 1).text
    assert "prod-eu: not watching from <!date^" in text
    assert "(55 min). What had changed meanwhile: 2 tickets opened, 1 ticket resolved." in text
    assert "Nothing that was watched has changed" in views.gap("p", NOW - 90, NOW, 0, 0).text
