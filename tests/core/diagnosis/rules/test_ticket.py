"""What a ticket is about, whatever its words are."""

import pytest

from core.diagnosis.model import Piece, Reason, Snapshot
from core.diagnosis.rules.ticket import MEASURED, NO_DATA, UNKNOWN, kinds


def ticket(invariant, entity="store:1", title="", **said):
    piece = Piece("e1", "ticket", "the ticket", entity, 0.0, (0.0, 1.0), said)
    return Snapshot("demo", invariant, entity, 0.0, 1.0, Reason.OPENED, (piece,), title=title)


@pytest.mark.parametrize(
    ("invariant", "kind"),
    [
        ("store_silent", "store_down"),
        ("tikv_liveness", "store_down"),
        ("request_latency", "high_latency"),
        ("leader_balance", "leader_imbalance"),
        ("same_version", "version_skew"),
        ("clock_skew", "clock_step"),
        ("miss_peer", "region_health"),
        ("rss_near_limit", "memory"),
        ("log_warnings", "log_lines"),
    ],
)
def test_an_invariant_that_nobody_knows_is_read_by_its_words(invariant, kind):
    assert kind in kinds(ticket(invariant))


def test_a_known_one_is_only_what_it_says():
    assert kinds(ticket("store_down", title="latency")) == {"store_down"}


def test_where_its_name_says_nothing_the_title_and_then_the_unit_do():
    assert "store_down" in kinds(ticket("sla_7", title="store 1 Disconnected"))
    assert "high_latency" in kinds(ticket("sla_7", value=3.0, unit="ms"))


def test_a_figure_of_an_unknown_kind_is_measured_and_words_alone_are_unknown():
    assert MEASURED in kinds(ticket("sla_7", value=3.0, unit="widgets"))
    assert UNKNOWN in kinds(ticket("sla_7"))


def test_silence_of_pd_is_about_its_members():
    assert "pd_member_down" in kinds(ticket("silent_too_long", "pd:pd-1"))


def test_a_ticket_about_missing_data_says_so():
    assert NO_DATA in kinds(ticket("raft_log_lag", title="no data"))
    assert NO_DATA not in kinds(ticket("raft_log_lag", title="no data", value=9000))
