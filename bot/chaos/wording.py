"""How runs, stages, outcomes and durations are called, in Slack and in a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.blocks import Element, Ours, Part
from bot.certainty import cause as cause_words
from bot.sentences import person
from bot.text import clean
from bot.words import NameOf
from core.chaos.model import Fault, Stage, Story
from core.chaos.truth import causes
from core.durations import span
from core.runs.model import Outcome, Run, State

STEPS = ("baseline", "fault", "watch", "heal", "recovery")
_STEP: Mapping[str, int] = {
    Stage.BASELINE: 0,
    Stage.ARM: 1,
    Stage.INJECT: 1,
    Stage.WATCH: 2,
    Stage.HEAL: 3,
    Stage.RECOVER: 4,
}
NOW: Mapping[str, str] = {
    Stage.BASELINE: "checking that all is well first",
    Stage.ARM: "arming the healer",
    Stage.INJECT: "breaking it",
    Stage.WATCH: "broken on purpose, watching",
    Stage.HEAL: "undoing it",
    Stage.RECOVER: "healed, waiting until all is well",
}
VERDICT: Mapping[Outcome, tuple[str, str]] = {
    Outcome.SUCCEEDED: ("✅", "passed"),
    Outcome.FAILED: ("❌", "failed"),
    Outcome.ABORTED: ("⏹️", "aborted"),
    Outcome.REFUSED: ("⛔", "refused"),
    Outcome.UNKNOWN: ("❔", "unknown"),
}
"""An outcome's sign and its word."""


def sign(run: Run) -> str:
    """The emoji of a run: never the only bearer of its state."""
    return "🧪" if run.outcome is None else VERDICT[run.outcome][0]


def state(run: Run) -> str:
    """ "waiting to begin", "running", "aborting", "passed", "failed"..."""
    if run.outcome is not None:
        return VERDICT[run.outcome][1]
    if run.aborting:
        return "aborting"
    return "running" if run.state is State.ACTIVE else "waiting to begin"


def doing(run: Run) -> str:
    """What is done right now, in words."""
    if run.outcome is not None:
        return f"it {VERDICT[run.outcome][1]}"
    if run.state is not State.ACTIVE:
        return "waiting for the bot to take it on"
    return NOW.get(run.stage, clean(run.stage, 40) or "running")


def unawaited(run: Run, story: Story) -> bool:
    """Whether nobody waited for the recovery: an abort ends a run once the fault is healed."""
    return run.outcome is Outcome.ABORTED and story.recovered_at is None


def step(run: Run) -> int:
    """Which of STEPS is under way; their number once it is over."""
    if run.outcome is not None:
        return len(STEPS)
    return _STEP.get(run.stage, 0) if run.state is State.ACTIVE else -1


def after(story: Story, at: float | None) -> str:
    """How long after the fault something was: "0.6 s", "2 min 5 s"; "" if it is not known."""
    if at is None or story.injected_at is None:
        return ""
    return seconds(max(at - story.injected_at, 0.0))


def seconds(value: float) -> str:
    """A duration where tenths matter: "0.6 s", "31 s", "2 min 5 s"."""
    return f"{value:.1f} s" if value < 10 else span(value)


def target(run: Run, story: Story) -> str:
    """What is broken, as people call it; the entity beside it where that says more."""
    name = clean(story.name or run.target or story.entity, 80) or "not chosen yet"
    entity = clean(story.entity, 60)
    same = entity.replace(":", "-") == name or entity.endswith(f":{name}")
    return name if same or not entity or entity == name or run.live else f"{name} ({entity})"


def detected(story: Story) -> str:
    """ "after 0.6 s, ticket 42 (store_down)", or "not yet"."""
    found = after(story, story.detected_at)
    if not found:
        return ""
    by = clean(story.detected_by, 40)
    number = f", ticket {story.detected_ticket}" if story.detected_ticket else ""
    return f"after {found}{number}" + (f" ({by})" if by else "")


def diagnosed(story: Story) -> str:
    """ "after 1.4 s: process died (right)"."""
    found = after(story, story.diagnosed_at)
    if not found:
        return ""
    score = {True: " (right)", False: f" ({_miss(story)})", None: ""}[story.right]
    cause = cause_words(story.diagnosed_as) if story.diagnosed_as else "no cause named"
    return f"after {found}: {cause}{score}"


def _miss(story: Story) -> str:
    """Why a diagnosis does not count as right: another cause, or the right one without certainty
    (or of something else)."""
    try:
        fitting = causes(Fault(str(story.experiment.get("fault"))), story.entity)
    except ValueError:
        return "wrong"
    return "fits, but not sure of it" if story.diagnosed_as in fitting else "wrong"


def phrase(text: str, limit: int) -> str:
    """What a driver or a simulation says, cleaned, with arrows as people write them."""
    return clean(text.replace("->", "→"), limit)


def arrows(text: str, limit: int) -> tuple[Part, ...]:
    """The same beside a label: the arrow is ours, so that it does not keep the label from bold."""
    parts = clean(text.replace("→", "->"), limit).split("->")
    if not text:
        return ("not known",)
    made: list[Part] = [parts[0].rstrip()]
    for one in parts[1:]:
        made += [Ours(" → ", " → "), one.strip()]
    return tuple(made)


_ACTOR = re.compile(r"\b(?:slack:[UW][A-Z0-9]{1,40}|cli:[A-Za-z0-9_.-]{1,60})\b", re.ASCII)


def told(text: str, limit: int, name_of: NameOf) -> list[Element | str]:
    """A sentence of the core, for rich text: people in it by name."""
    made: list[Element | str] = []
    at, whole = 0, _sentence(text, limit)
    for found in _ACTOR.finditer(whole):
        made += [whole[at : found.start()], person(found[0], name_of)]
        at = found.end()
    made.append(whole[at:])
    return [one for one in made if one]


def plainly(text: str, limit: int, name_of: NameOf) -> str:
    """The same as plain text."""
    return _ACTOR.sub(lambda found: clean(name_of(found[0]), 60), _sentence(text, limit))


def _sentence(text: str, limit: int) -> str:
    whole = clean(text.replace("->", "→"), limit, lines=6)
    # The name of an invariant or a cause is code: it keeps its letters.
    return whole if "_" in whole.partition(" ")[0] else whole[:1].upper() + whole[1:]
