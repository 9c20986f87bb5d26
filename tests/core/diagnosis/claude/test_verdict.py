"""What Claude says stands only as far as code can show it, and is no surer than the evidence."""

from dataclasses import replace

import pytest

from core.diagnosis.claims import every, run
from core.diagnosis.claude.task import Ending, Task
from core.diagnosis.model import Certainty, Piece, Reason, Snapshot, Weight
from core.diagnosis.rules.decide import diagnose as by_rules
from tests.claude_server import ClaudeServer, Fails, Turn, answers, claim
from tests.core.diagnosis.claude.desk_rig import Rig, piece_id, right, task


async def asked(about, *script, **how):
    async with ClaudeServer(*script) as claude:
        result = await Rig(claude, how=how).ask(about)
    if result.diagnosis is not None:
        assert all(run(one, result.snapshot).stands for one in every(result.diagnosis))
    return result, claude


def killed(about, *more, **main):
    """An answer whose main claim is the one about the exit code, with something changed."""
    container = piece_id(about, "container", "store:4")
    given = {"evidence": container, "entity": "store:4", "path": "now.exit_code"}
    given |= {"op": "equals", "value": 137, "words": "It ended by SIGKILL."} | main
    return answers("process_killed", "store:4", claim(**given), *more)


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 139},
        {"value": "137"},
        {"path": "now.exit_codes"},
        {"entity": "store:1"},
        {"evidence": "e999"},
        {"evidence": "e1", "path": "invariant", "value": "store_down"},
        {"op": "at_least", "value": 138},
        {"op": "changed", "path": "restart_count", "value": None},
    ],
    ids=str,
)
async def test_a_main_claim_that_does_not_hold_is_struck_and_the_larger_model_is_asked(wrong):
    about = task()
    result, claude = await asked(about, killed(about, **wrong), right(about))

    assert [one["model"] for one in claude.bodies] == ["claude-sonnet-5-5", "claude-opus-5-5"]
    assert (result.ending, result.model) == (Ending.ANSWERED, "claude-opus-5-5")
    told = claude.bodies[1]["messages"][0]["content"][1]["text"]
    assert "earlier-" in told
    assert result.turns == 2


async def test_a_claim_about_another_time_is_struck():
    about = task()
    event = piece_id(about, "event", "store:4")
    early = claim(
        event, "store:4", "events", "count_at_least", 1, where="kill", since=1.0, until=2.0
    )
    within = {**early, "since": about.snapshot.opened_at - 60, "until": about.snapshot.taken_at}
    result, _ = await asked(about, killed(about, {**early, "words": "Long ago."}, within))

    assert result.diagnosis is not None
    assert len(result.diagnosis.claims) == 2
    assert result.diagnosis.struck == ("Long ago. (fails)",)


async def test_when_both_fail_the_rules_answer_stands_and_it_is_said_why():
    about = task()
    result, claude = await asked(about, killed(about, value=1))

    assert len(claude.bodies) == 2
    assert (result.ending, result.diagnosis) == (Ending.RULES_STAND, None)
    assert result.why == (
        "Claude was asked (claude-opus-5-5), and what it said does not stand: its main claim did not hold. "
        "The rules' answer stands."
    )


async def test_without_an_answer_of_the_rules_a_bad_one_is_lowered_to_inconclusive():
    about = task("withheld-all-of-the-node")
    assert about.rules.certainty is Certainty.INCONCLUSIVE
    bad = answers("disk_full", "store:4", claim("e1", "store:4", "invariant", "equals", "x"))
    result, _ = await asked(about, bad)

    assert result.ending is Ending.LOWERED
    assert result.diagnosis is not None
    assert result.diagnosis.certainty is Certainty.INCONCLUSIVE
    assert result.diagnosis.action.startswith("Not enough data, missing:")
    assert "lowered to inconclusive" in result.why


async def test_to_say_that_it_does_not_know_is_an_answer_where_the_rules_do_not_know_either():
    about = task("withheld-all-of-the-node")
    honest = answers("unknown", "store:4", certainty="inconclusive", unseen=["the node's log"])
    result, _ = await asked(about, honest)

    assert (result.ending, result.why) == (Ending.ANSWERED, "")
    assert result.diagnosis is not None
    assert "the node's log" in result.diagnosis.unseen


async def test_a_failure_of_the_larger_model_is_told_beside_what_the_first_one_got_wrong():
    about = task()
    denied = Fails(403, "permission_error", "no")
    result, _ = await asked(about, killed(about, value=1), denied)

    assert result.ending is Ending.RULES_STAND
    assert "did not hold" in result.why
    assert "may not use this model" in result.why


async def test_a_refusal_of_the_first_model_is_a_case_for_the_larger_one():
    about = task()
    refusal = Turn(stop="refusal", details={"category": "cyber"})
    result, claude = await asked(about, refusal, right(about))

    assert (result.ending, len(claude.bodies)) == (Ending.ANSWERED, 2)


async def test_a_key_that_is_not_accepted_is_not_tried_on_the_larger_model():
    result, claude = await asked(task(), Fails(401, "authentication_error", "no"))

    assert (result.ending, len(claude.bodies)) == (Ending.DENIED, 1)


async def test_confirmed_is_lowered_to_likely_where_no_piece_shows_the_cause_itself():
    about = task("killed-no-docker")
    store = piece_id(about, "store", "store:4")
    sure = answers(
        "process_killed",
        "store:4",
        claim(store, "store:4", "now.state", "equals", "Disconnected"),
        certainty="confirmed",
    )
    result, _ = await asked(about, sure)

    assert result.ending is Ending.ANSWERED
    assert result.diagnosis is not None
    assert result.diagnosis.certainty is Certainty.LIKELY


async def test_a_true_claim_that_shows_nothing_does_not_carry_a_cause():
    about = task("control-latency-blip")
    entity = "store:4"
    store = piece_id(about, "store", entity)
    empty = answers(
        "process_hung", entity, claim(store, entity, "now.heartbeat_age_s", "at_least", 0)
    )
    result, _ = await asked(about, empty)

    assert (result.ending, result.diagnosis) == (Ending.RULES_STAND, None)
    assert "shows nothing" in result.why


async def test_what_the_ticket_says_of_itself_shows_nothing():
    about = task()
    own = answers(
        "disk_full", "store:4", claim("e1", "store:4", "invariant", "equals", "store_down")
    )
    result, _ = await asked(about, own)

    assert result.ending is Ending.RULES_STAND
    assert "a ticket is no evidence of its own cause" in result.why


async def test_a_cause_that_the_evidence_rules_out_does_not_stand_however_true_its_claims():
    about = task("control-one-lost-probe")
    entity = about.snapshot.entity
    probe = piece_id(about, "probe", entity)
    lost = answers(
        "process_killed",
        entity,
        claim(probe, entity, "timeline", "count_at_least", 1, where='"ok":false'),
        certainty="confirmed",
    )
    result, _ = await asked(about, lost)

    assert (result.ending, result.diagnosis) == (Ending.RULES_STAND, None)


async def test_a_likely_cause_does_not_replace_one_that_the_evidence_itself_shows():
    about = task()
    assert about.rules.certainty is Certainty.CONFIRMED
    store = piece_id(about, "store", "store:4")
    cut = answers(
        "raft_log_lag", "store:4", claim(store, "store:4", "now.state", "equals", "Disconnected")
    )
    result, _ = await asked(about, cut)

    assert result.ending is Ending.RULES_STAND


async def test_an_entity_that_nobody_told_of_makes_it_inconclusive():
    about = task()
    ghost = answers("process_killed", "store:99", claim("e1", "store:99", "x", "exists"))
    result, _ = await asked(about, ghost)

    assert result.ending is Ending.RULES_STAND


async def test_of_things_that_no_rule_is_about_it_may_be_likely_and_never_confirmed():
    at = 1_000_000.0
    states = {"etcd:a": "exited", "etcd:b": "running"}
    pieces = tuple(
        Piece(
            f"e{n}", "container", "docker inspect", entity, at, (at, at), {"now": {"status": state}}
        )
        for n, (entity, state) in enumerate(states.items())
    )
    taken = Snapshot("kv", "member_down", "etcd:a", at - 30, at, Reason.OPENED, pieces)
    about = Task(taken, by_rules(taken))
    said = claim("e0", "etcd:a", "now.status", "equals", "exited", words="It has ended.")
    sure = answers("process_killed", "etcd:a", said, certainty="confirmed")
    result, _ = await asked(about, sure)

    assert result.ending is Ending.ANSWERED
    assert result.diagnosis is not None
    assert result.diagnosis.certainty is Certainty.LIKELY


async def test_a_cause_of_a_store_is_not_said_of_the_cluster():
    about = task()
    spread = piece_id(about, "spread", "cluster")
    odd = answers("out_of_memory", "cluster", claim(spread, "cluster", "up_share", "at_most", 0.9))
    result, _ = await asked(about, odd)

    assert "out_of_memory cannot be said of cluster" in result.why


async def test_lists_are_bounded_and_there_is_one_main_claim():
    about = task()
    container = piece_id(about, "container", "store:4")
    many = [
        claim(
            container,
            "store:4",
            "now.exit_code",
            "at_least",
            n,
            weight="main",
            words=f"It is at least {n}. " * 14,
        )
        for n in range(100, 137)
    ]
    rival = {
        "cause": "out_of_memory",
        "entity": "store:4",
        "supporting": many[:5],
        "contradicting": many[:5],
        "conclusion": "No. " * 500,
    }
    full = answers(
        "process_killed",
        "store:4",
        *many,
        alternatives=[rival] * 6,
        risks=[f"Risk {n}." for n in range(30)],
        unseen=[f"thing {n}" for n in range(30)],
        commands=[{"template": "pd-store", "entity": "store:4"}] * 20,
        primary="Long, long. " * 90,
    )
    result, _ = await asked(about, full)

    made = result.diagnosis
    assert made is not None, result.why
    assert len(made.claims) == 8
    assert [one.weight for one in made.claims].count(Weight.MAIN) == 1
    assert len(made.alternatives) == 4
    assert len(made.alternatives[0].supporting) == 3
    assert len(made.risks) <= 4
    assert len(made.unseen) <= 6
    assert len(made.commands) == 1
    assert max(len(one.words) for one in every(made)) <= 240
    assert len(made.primary) <= 400


async def test_a_question_is_answered_with_the_pieces_that_it_rests_on():
    about = task(question="Was it out of memory?")
    result, claude = await asked(about, right(about, answer="No: Docker says oom_killed false."))

    assert result.answer is not None
    assert result.answer.words == "No: Docker says oom_killed false."
    assert piece_id(about, "container", "store:4") in result.answer.cited
    assert "Was it out of memory?" in claude.bodies[0]["messages"][0]["content"][1]["text"]


async def test_a_question_about_the_ticket_itself_is_answered_and_makes_no_diagnosis():
    about = task(question="What was it opened for?")
    own = claim("e1", "store:4", "invariant", "equals", "store_down", words="It is store_down.")
    result, claude = await asked(
        about, answers("disk_full", "store:4", own, answer="For store_down.", certainty="confirmed")
    )

    assert (result.ending, result.diagnosis, result.why) == (Ending.ANSWERED, None, "")
    assert result.answer is not None
    assert (result.answer.words, result.answer.cited) == ("For store_down.", ("e1",))
    assert len(claude.bodies) == 1


async def test_an_answer_to_a_question_that_cannot_be_shown_is_not_given():
    about = task(question="Is it safe to restart it?")
    result, _ = await asked(about, killed(about, value=3))

    assert (result.answer, result.diagnosis) == (None, None)
    assert "could not be shown" in result.why


async def test_evidence_that_was_changed_afterwards_makes_the_claims_altered():
    about = task()
    result, _ = await asked(about, right(about))
    assert result.diagnosis is not None
    first = result.diagnosis.claims[0]
    taken = result.snapshot
    changed = tuple(
        replace(one, at=one.at + 1) if one.id == first.check.evidence else one
        for one in taken.pieces
    )

    assert run(first, replace(taken, pieces=changed)).altered
