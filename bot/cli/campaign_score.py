"""What a campaign has shown: times and scores over the trials that are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.chaos.wording import seconds
from bot.cli.campaign_file import Trial
from bot.cli.common import say
from bot.text import terminal
from core.chaos.model import KIND
from core.chaos.story import of
from core.db import Tx
from core.runs import store
from core.runs.model import Outcome, Run, State

MOST = 5000


def done(tx: Tx, trials: Sequence[Trial]) -> dict[str, Run]:
    """The reported run of each trial that is done, by the trial's key.

    A run that was aborted or refused says nothing of the subject: such a trial comes again.
    """
    keys = {one.key for one in trials}
    ended = store.listing(tx, kind=KIND, states=(State.REPORTED,), limit=MOST)
    return {run.trial: run for run in reversed(ended) if run.trial in keys and _counts(run)}


def _counts(run: Run) -> bool:
    return run.outcome not in (Outcome.ABORTED, Outcome.REFUSED)


def scores(trials: Sequence[Trial], finished: Mapping[str, Run]) -> list[dict[str, Any]]:
    """One row for each subject and experiment, then one over all. Times in seconds: medians and
    the slowest; null where there is none."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for one in trials:
        runs = groups.setdefault((one.subject, one.experiment), [])
        if one.key in finished:
            runs.append(finished[one.key])
    wanted: dict[tuple[str, str], int] = {}
    for one in trials:
        wanted[one.subject, one.experiment] = wanted.get((one.subject, one.experiment), 0) + 1
    rows = [
        _row(subject, name, wanted[subject, name], runs) for (subject, name), runs in groups.items()
    ]
    everything = [run for runs in groups.values() for run in runs]
    return [*rows, _row("all", "all", len(trials), everything)] if len(rows) > 1 else rows


def _row(subject: str, name: str, wanted: int, runs: Sequence[Run]) -> dict[str, Any]:
    stories = [of(run) for run in runs]
    rights = [s.right for s in stories if s.right is not None]
    return {
        "subject": subject,
        "experiment": name,
        "trials": wanted,
        "done": len(runs),
        "passed": sum(run.outcome is Outcome.SUCCEEDED for run in runs),
        "detected": sum(s.detected_at is not None for s in stories),
        "detect_s": _times((s.injected_at, s.detected_at) for s in stories),
        "diagnose_s": _times((s.injected_at, s.diagnosed_at) for s in stories),
        "recover_s": _times((s.injected_at, s.recovered_at) for s in stories),
        "diagnoses": len(rights),
        "diagnoses_right": sum(rights),
    }


def _times(pairs: Iterable[tuple[float | None, float | None]]) -> dict[str, float] | None:
    found = sorted(max(b - a, 0.0) for a, b in pairs if a is not None and b is not None)
    if not found:
        return None
    middle = len(found) // 2
    median = found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2
    return {"median": round(median, 3), "max": round(found[-1], 3)}


def table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows."""
    say(
        f"{'SUBJECT':<16} {'EXPERIMENT':<20} {'DONE':>7} {'PASSED':>7} "
        f"{'DETECT':>20} {'DIAGNOSE':>20} {'RECOVER':>20} {'RIGHT':>7}"
    )
    for row in rows:
        right = f"{row['diagnoses_right']}/{row['diagnoses']}" if row["diagnoses"] else "-"
        progress = f"{row['done']}/{row['trials']}"
        times = " ".join(f"{_shown(row[k]):>20}" for k in ("detect_s", "diagnose_s", "recover_s"))
        say(
            f"{terminal(row['subject'], 16):<16} {terminal(row['experiment'], 20):<20} "
            f"{progress:>7} {row['passed']:>7} {times} {right:>7}"
        )


def _shown(times: Mapping[str, float] | None) -> str:
    """ "0.6 s, max 1.2 s": the median and the slowest."""
    if times is None:
        return "-"
    return f"{seconds(times['median'])}, max {seconds(times['max'])}"
