"""Claims are worth what code can show of them again."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.diagnosis.claims import Outcome, ask, checked, examine, run, sealed
from core.diagnosis.model import (
    Alternative,
    Certainty,
    Check,
    Claim,
    Diagnosis,
    Op,
    Piece,
    Predicate,
    Query,
    Reason,
    Snapshot,
    Weight,
)
from core.invariant import Severity

AT = 1_000_000.0


def piece(content=None, **fields):
    given = {
        "id": "e1",
        "kind": "reading",
        "source": "p99_s",
        "entity": "store:4",
        "at": AT,
        "window": (AT - 300, AT),
        "content": {"now": 1.5} if content is None else content,
    }
    return Piece(**(given | fields))


def snapshot(*pieces):
    return Snapshot("demo", "high_latency", "store:4", AT - 30, AT, Reason.SOON, pieces)


def claim(op=Op.AT_LEAST, value=1.0, path="now", **fields):
    check = Check("store:4", Predicate(path, op, value), **({"evidence": "e1"} | fields))
    return Claim("it is slow", check, Weight.MAIN)


def diagnosis(*claims, alternatives=()):
    return Diagnosis(
        *("slow_disk", "store:4", "The disk is slow.", Certainty.CONFIRMED, claims, alternatives),
        *("Look.", (), Severity.WARNING, (), (), (), (), {}, "rules", AT),
    )


@pytest.mark.parametrize(
    ("op", "value", "content", "path", "outcome"),
    [
        (Op.EXISTS, None, {"a": {"b": 0}}, "a.b", Outcome.HOLDS),
        (Op.EXISTS, None, {"a": None}, "a", Outcome.EMPTY),
        (Op.EQUALS, True, {"a": 1}, "a", Outcome.FAILS),
        (Op.EQUALS, "x", {"a": ["x"]}, "a.0", Outcome.HOLDS),
        (Op.EQUALS, "x", {"a": ["x"]}, "a.1", Outcome.EMPTY),
        (Op.DIFFERS, "x", {"a": "y"}, "a", Outcome.HOLDS),
        (Op.DIFFERS, "x", {}, "a", Outcome.EMPTY),
        (Op.ONE_OF, ("x", "y"), {"a": "y"}, "a", Outcome.HOLDS),
        (Op.AT_LEAST, 2, {"a": 2}, "a", Outcome.HOLDS),
        (Op.AT_LEAST, 2, {"a": "3"}, "a", Outcome.FAILS),
        (Op.AT_LEAST, 0, {"a": True}, "a", Outcome.FAILS),
        (Op.AT_LEAST, 0, {"a": float("nan")}, "a", Outcome.FAILS),
        (Op.AT_MOST, 2, {"a": 2.1}, "a", Outcome.FAILS),
        (Op.CONTAINS, "no|REFUSED", {"a": "connection refused"}, "a", Outcome.HOLDS),
        (Op.CHANGED, None, {"now": {"v": 1}, "before": {"v": 2}}, "v", Outcome.HOLDS),
        (Op.CHANGED, None, {"now": {"v": 1}, "before": {"v": 1}}, "v", Outcome.FAILS),
        (Op.CHANGED, None, {"now": {"v": 1}, "before": None}, "v", Outcome.EMPTY),
        (Op.COUNT_AT_LEAST, 1, {"a": "text"}, "a", Outcome.EMPTY),
        (Op.COUNT_AT_MOST, 0, {"a": []}, "a", Outcome.HOLDS),
    ],
)
def test_a_predicate_says_holds_fails_or_that_there_is_nothing(op, value, content, path, outcome):
    assert ask(Predicate(path, op, value), content)[0] is outcome


def test_only_what_lies_in_the_time_range_counts():
    content = {
        "events": [{"at": 10, "action": "oom"}, {"at": 90, "action": "oom"}, {"action": "oom"}]
    }
    many = Predicate("events", Op.COUNT_AT_LEAST, 1, where='"action":"oom"')
    assert ask(many, content, (50, 100)) == (Outcome.HOLDS, 1)
    assert ask(many, content, (20, 80)) == (Outcome.FAILS, 0)
    assert ask(many, content) == (Outcome.HOLDS, 3)


def test_a_claim_about_a_failed_call_does_not_stand():
    failed = piece(content=None, ok=False, error="timed out")
    assert examine(claim().check, snapshot(failed)).outcome is Outcome.FAILED_CALL


def test_a_claim_about_evidence_that_does_not_exist_does_not_stand():
    assert run(claim(evidence="e99"), snapshot(piece())).outcome is Outcome.NO_EVIDENCE


def test_evidence_about_one_store_says_nothing_about_another():
    assert run(claim(), snapshot(piece(entity="store:5"))).outcome is Outcome.WRONG_ENTITY


@pytest.mark.parametrize(
    ("query", "kind", "source", "content", "path"),
    [
        (Query("promql", "p99_s"), "reading", "p99_s", {"now": 2}, "now"),
        (
            Query("promql", "rate(x[1m])"),
            "reading",
            "p99_s",
            {"now": 2, "query": "rate(x[1m])"},
            "now",
        ),
        (Query("pd", "/operators"), "pd", "/operators", {"body": 2}, "body"),
    ],
)
def test_a_claim_may_name_its_evidence_by_the_question(query, kind, source, content, path):
    evidence = piece(content, kind=kind, source=source)
    asked = claim(path=path, evidence="", query=query)
    assert run(asked, snapshot(evidence)).stands
    other = replace(query, text="another")
    missing = claim(path=path, evidence="", query=other)
    assert run(missing, snapshot(evidence)).outcome is Outcome.NO_EVIDENCE


def test_a_query_of_a_kind_that_nobody_knows_finds_nothing():
    odd = claim(evidence="", query=Query("shell", "rm"))
    assert run(odd, snapshot(piece())).outcome is Outcome.NO_EVIDENCE


def test_what_does_not_hold_is_struck_and_without_its_main_claim_nothing_is_certain():
    good = replace(claim(Op.AT_MOST, 2.0), weight=Weight.SUPPORTING)
    made = checked(diagnosis(claim(value=9.0), good), snapshot(piece()))
    assert [one.words for one in made.claims] == ["it is slow"]
    assert made.certainty is Certainty.INCONCLUSIVE
    assert made.struck == ("it is slow (fails)",)


def test_a_diagnosis_whose_main_claim_holds_keeps_its_certainty_and_is_sealed():
    made = checked(diagnosis(claim()), snapshot(piece()))
    assert made.certainty is Certainty.CONFIRMED
    assert made.claims[0].seal == piece().digest


def test_claims_of_alternatives_are_struck_too():
    rival = Alternative("write_stall", "store:4", (claim(value=9.0),), (claim(),), "less likely")
    made = checked(diagnosis(claim(), alternatives=(rival,)), snapshot(piece()))
    assert made.alternatives[0].supporting == ()
    assert len(made.alternatives[0].contradicting) == 1


# Adding 0.0 makes -0.0 the 0.0 that it equals: in JSON the two differ.
values = st.floats(-1e9, 1e9, allow_nan=False).map(lambda one: one + 0.0)


@settings(max_examples=60, deadline=None)
@given(values, values, st.sampled_from(["value", "time", "entity", "source", "window"]))
def test_tampering_with_any_field_of_the_evidence_marks_the_claim_altered(old, new, field):
    """And a value that breaks the predicate strikes it besides."""
    before = piece({"now": old})
    made = sealed(claim(Op.AT_LEAST, old), snapshot(before))
    after = {
        "value": replace(before, content={"now": new}),
        "time": replace(before, at=before.at + new),
        "entity": replace(before, entity="store:5"),
        "source": replace(before, source="qps"),
        "window": replace(before, window=(new, before.at)),
    }[field]
    found = run(made, snapshot(after))
    assert found.altered == (after != before)
    if field == "value":
        assert found.stands == (new >= old)
    assert not run(made, snapshot(before)).altered


def test_an_altered_claim_is_struck_even_where_it_still_holds():
    made = sealed(claim(), snapshot(piece()))
    after = checked(diagnosis(made), snapshot(piece({"now": 1.6})))
    assert after.struck == ("it is slow (altered)",)
    assert after.certainty is Certainty.INCONCLUSIVE
