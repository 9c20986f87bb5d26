"""How runs, stages, outcomes and durations are called, in Slack and in a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bot.text import clean
from bot.words import span
from core.chaos.model import Stage, Story
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
_NOW: Mapping[str, str] = {
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
    Outcome.UNKNOWN: ("❔", "inconclusive"),
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
    return _NOW.get(run.stage, clean(run.stage, 40) or "running")


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
    return f"{name} ({entity})" if entity and entity != name and not run.live else name


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
    score = {True: " (right)", False: " (wrong)", None: ""}[story.right]
    return f"after {found}: {clean(story.diagnosed_as, 80) or 'no cause named'}{score}"


def phrase(text: str, limit: int) -> str:
    """What a driver or a simulation says, cleaned, with arrows as people write them."""
    return clean(text.replace("->", "→"), limit)
