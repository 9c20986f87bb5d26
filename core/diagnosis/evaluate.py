"""Replays scenario folders and scores the diagnoses, without a judge (docs/scenarios.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.diagnosis.claims import every, run
from core.diagnosis.claude.task import Result
from core.diagnosis.model import Certainty, Diagnosis, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import NAME, Expect, File, read
from core.diagnosis.scenario.script import scripted
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

Ask = Callable[[File, Snapshot, Diagnosis], Result | None]
MAX_SCENARIOS = 2_000
_GROUPS = {
    "container": ("docker",),
    "event": ("docker",),
    "store": ("pd",),
    "hot": ("pd",),
    "member": ("members",),
    "share": ("reading", "pd"),
    "spread": ("pd", "reading", "probe"),
}
_RANKS = {Certainty.INCONCLUSIVE: 0, Certainty.LIKELY: 1, Certainty.CONFIRMED: 2}


@dataclass(frozen=True, slots=True)
class Score:
    """One scenario: what was expected, what was answered, and how that compares.

    `error` is set, and nothing else counts, where the scenario cannot be read. `seconds` is the
    diagnosis alone. Where the scenario has a scripted Claude, `ending` is how asking it ended, and
    `tokens` and `micro_dollars` are what it would have cost.
    """

    name: str
    group: str
    question: str = ""
    expected: tuple[str, ...] = ()
    cause: str = ""
    entity: str = ""
    certainty: str = ""
    healthy: bool = False
    abstain: bool = False
    cause_right: bool = False
    entity_right: bool = False
    grounded: bool = False
    false_alarm: bool = False
    forbidden: bool = False
    abstained: bool = False
    uncited: tuple[str, ...] = ()
    claims: int = 0
    struck: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str = ""
    made_by: str = ""
    ending: str = ""
    ending_right: bool = True
    turns: int = 0
    tokens: int = 0
    micro_dollars: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """A set of scenarios: counts, of how many each, and the slowest diagnosis in seconds."""

    group: str
    scenarios: int
    cause_right: int
    entity_right: int
    grounded: int
    healthy: int
    false_alarms: int
    abstentions: int
    abstained: int
    forbidden: int
    unreadable: int
    slowest_s: float
    asked: int = 0
    tokens: int = 0
    micro_dollars: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a scenario was answered, the evidence that it rests on, and what came of Claude, if asked."""

    diagnosis: Diagnosis
    evidence: Snapshot
    claude: Result | None = None


def folders(root: Path) -> list[Path]:
    """Every folder below `root` that holds a scenario, sorted; Invalid if there is none."""
    found = sorted(one.parent for one in root.rglob(NAME))
    if not found:
        raise Invalid(f"There is no {NAME} below {root}.")
    if len(found) > MAX_SCENARIOS:
        raise Invalid(f"There are more than {MAX_SCENARIOS} scenarios below {root}.")
    return found


def evaluate(root: Path, monotonic: Callable[[], float], ask: Ask = scripted) -> Iterator[Score]:
    """Score every scenario below `root`; one that cannot be read is a score with an error.

    `ask` asks Claude beside the rules, or says None: the default only where one is scripted.
    """
    for folder in folders(root):
        parts = folder.relative_to(root).parts
        name, group = "/".join(parts) or folder.name, parts[0] if len(parts) > 1 else root.name
        try:
            yield _one(folder, name, group, monotonic, ask)
        except Invalid as error:
            yield Score(name, group, error=str(error))


def _one(folder: Path, name: str, group: str, monotonic: Callable[[], float], ask: Ask) -> Score:
    file = read(folder)
    evidence = snapshot(file)
    began = monotonic()
    got = answered(file, evidence, ask)
    seconds = monotonic() - began
    score = judge(file.expect, file.question, got.diagnosis, got.evidence, name, group, seconds)
    return _with_claude(score, file, got.claude)


def answered(file: File, evidence: Snapshot, ask: Ask = scripted) -> Answered:
    """The answer that a person would get: Claude's, where it was asked and stands, else the rules'."""
    rules = diagnose(evidence)
    result = ask(file, evidence, rules)
    if result is None or result.diagnosis is None:
        return Answered(rules, evidence, result)
    return Answered(result.diagnosis, result.snapshot, result)


def _with_claude(score: Score, file: File, result: Result | None) -> Score:
    if result is None:
        return score
    right = file.claude is None or result.ending == file.claude.ends
    return replace(
        score,
        ending=str(result.ending),
        ending_right=right,
        grounded=score.grounded and right,
        turns=result.turns,
        tokens=result.tokens,
        micro_dollars=result.micro_dollars,
    )


def judge(
    expect: Expect,
    question: str,
    made: Diagnosis,
    evidence: Snapshot,
    name: str,
    group: str,
    seconds: float,
) -> Score:
    """How a diagnosis compares with what was expected."""
    right = _causes(expect)
    wanted = (expect.entity,) if isinstance(expect.entity, str) else tuple(expect.entity)
    sure = made.certainty is not Certainty.INCONCLUSIVE
    uncited = _uncited(expect.evidence, made, evidence)
    cause_right = not sure if expect.abstain else sure and made.cause in right
    if _RANKS[made.certainty] > _RANKS[Certainty(expect.at_most)]:
        cause_right = False
    entity_right = expect.abstain or made.entity in wanted
    rechecks = all(run(one, evidence).stands for one in every(made))
    backed = expect.abstain or bool(made.claims)
    return Score(
        name=name,
        group=group,
        question=question,
        expected=right,
        cause=made.cause,
        entity=made.entity,
        certainty=made.certainty,
        healthy=expect.healthy,
        abstain=expect.abstain,
        cause_right=cause_right,
        entity_right=entity_right,
        grounded=cause_right and entity_right and rechecks and backed and not uncited,
        false_alarm=expect.healthy and sure and made.cause not in (*right, "nothing_wrong"),
        forbidden=sure and made.cause in expect.forbid,
        abstained=not sure,
        uncited=uncited,
        claims=len(list(every(made))),
        struck=made.struck,
        seconds=seconds,
        made_by=made.made_by,
    )


def _causes(expect: Expect) -> tuple[str, ...]:
    first = expect.cause or ("nothing_wrong" if expect.healthy else "unknown")
    return (first, *expect.accept)


def _uncited(wanted: Sequence[str], made: Diagnosis, evidence: Snapshot) -> tuple[str, ...]:
    cited: set[str] = set()
    for claim in made.claims:
        piece = evidence.by_id.get(claim.check.evidence)
        if piece is not None:
            kinds = (piece.kind, *_GROUPS.get(piece.kind, ()))
            cited |= {name for kind in kinds for name in (kind, f"{kind}:{piece.entity}")}
            cited.add(f"{piece.kind}:{piece.entity}:{piece.source}")
    return tuple(one for one in wanted if one not in cited)


def totals(scores: Sequence[Score]) -> tuple[Total, ...]:
    """One line a set, in the order of their names; one that is wanted is never an average of both."""
    return tuple(
        _total(group, [one for one in scores if one.group == group])
        for group in sorted({one.group for one in scores})
    )


def _total(group: str, scores: Sequence[Score]) -> Total:
    read_ones = [one for one in scores if not one.error]
    return Total(
        group=group,
        scenarios=len(scores),
        cause_right=sum(one.cause_right for one in read_ones),
        entity_right=sum(one.entity_right for one in read_ones),
        grounded=sum(one.grounded for one in read_ones),
        healthy=sum(one.healthy for one in read_ones),
        false_alarms=sum(one.false_alarm for one in read_ones),
        abstentions=sum(one.abstain for one in read_ones),
        abstained=sum(one.abstain and one.abstained for one in read_ones),
        forbidden=sum(one.forbidden for one in read_ones),
        unreadable=len(scores) - len(read_ones),
        slowest_s=max((one.seconds for one in read_ones), default=0.0),
        asked=sum(bool(one.ending) for one in read_ones),
        tokens=sum(one.tokens for one in read_ones),
        micro_dollars=sum(one.micro_dollars for one in read_ones),
    )
