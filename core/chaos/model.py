"""What an experiment is, what breaking something takes, and what became of it: plain facts.

Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

KIND = "chaos"
"""The kind of a run that is an experiment."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


class Fault(StrEnum):
    """Harm that can be undone."""

    KILL = "kill"
    STOP = "stop"
    RESTART = "restart"
    PAUSE = "pause"
    CRASH = "crash"
    CUT = "cut"
    PARTITION = "partition"
    DELAY = "delay"
    LOSS = "loss"
    LIMIT_CPU = "limit_cpu"
    LIMIT_MEMORY = "limit_memory"
    FILL_DISK = "fill_disk"
    TRANSFER_LEADER = "transfer_leader"
    EVICT_LEADERS = "evict_leaders"


HARMLESS_TO_QUORUM = frozenset((Fault.TRANSFER_LEADER, Fault.EVICT_LEADERS))
"""Faults that take nobody away. Every other one counts its target as lost in the simulation,
also a limit or a delay: what is slow enough is gone."""


class Stage(StrEnum):
    """Where inside an active experiment it is; each names the step that comes next."""

    BASELINE = "baseline"
    ARM = "arm"
    INJECT = "inject"
    WATCH = "watch"
    HEAL = "heal"
    RECOVER = "recover"


class Inject(StrEnum):
    """What is known of the call that did the harm."""

    RETURNED = "returned"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a driver can break.

    `entity` is the subject's own word for it ("store:4", "pd:pd-0"), `name` what people call it.
    `identity` proves later that it is still the same thing (a container's id, a process's pid and
    start time); JSON. `labels` are its own, as its source gives them.
    """

    driver: str
    entity: str
    name: str
    identity: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault that could be injected now, and everything needed to undo it.

    `before` is the state that was read, `undo` what the healer is handed (JSON; it names its
    `driver`; see core/chaos/undo.py). The harm may still land `lands_within_s` after the call
    began, whatever became of the call. `words` say what will be done, `undo_words` how it will be
    undone, `radius` what it touches.
    """

    fault: Fault
    target: Target
    params: Mapping[str, Any]
    before: Mapping[str, Any]
    undo: Mapping[str, Any]
    lands_within_s: float
    words: str
    undo_words: str
    radius: str


@dataclass(frozen=True, slots=True)
class Margin:
    """What the placement simulation says of losing something.

    `value`: how many more could be lost afterwards with every majority kept (negative: lost; None:
    it cannot be told). `ok` only if it is known and no majority is lost. `words` for a person
    ("margin 0 -> majority lost").
    """

    value: int | None
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What a subject measured of itself at one reading: requests a second, and their p99 in seconds;
    None where it could not be told."""

    at: float
    qps: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as data.

    `selector` says what to break in the subject's words ("store", "store:4", "pd:leader",
    "random", "each:store" for one after the other). `kinds` are the kinds of subject that it fits
    (empty: any), `subject` one by name (empty: any). `driver` names the driver to use (empty: the
    first that can). `expects` are the invariants of which any counts as detection; empty: nothing
    needs to notice. The run is aborted when an invariant of `abort_on` opens a ticket meanwhile.
    Before it begins the subject must have been without trouble for `steady_for_s`, and no ticket of
    an invariant of `steady` may be open, however harmless.
    """

    name: str
    title: str
    fault: Fault
    selector: str
    about: str = ""
    kinds: tuple[str, ...] = ()
    subject: str = ""
    driver: str = ""
    params: Mapping[str, Any] = field(default_factory=_nothing)
    duration_s: float = 30.0
    expects: tuple[str, ...] = ()
    detect_within_s: float = 15.0
    recover_within_s: float = 120.0
    abort_on: tuple[str, ...] = ()
    steady_for_s: float = 0.0
    steady: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """What a chaos run keeps in `runs.data`: what was asked, and what happened so far.

    `entity`, `words`, `undo_words` and `radius` are known once it was planned, `ends_at` once the
    fault was injected. `injected_at` is when the call began. `detected_*`: the first expected
    ticket on the target; `diagnosed_*`: the first diagnosis of that ticket, `right` its score
    against what was really done. `recovered_at`: when everything was well again. `tickets`: all
    that opened on the subject meanwhile. `why` says in words how it ended.
    `waiting`: entities still to come (restart one by one), `done`: those behind us. `fate`: how it
    must end whatever comes ("aborted", "unknown", "refused"), "" while that is open; `interrupted`
    says why. `until` is when the stage ends by itself, where that is known.
    """

    experiment: Mapping[str, Any]
    duration_s: float
    entity: str = ""
    name: str = ""
    driver: str = ""
    words: str = ""
    undo_words: str = ""
    radius: str = ""
    margin: str = ""
    truth: str = ""
    inject: str = ""
    injected_at: float | None = None
    ends_at: float | None = None
    detected_at: float | None = None
    detected_by: str = ""
    detected_ticket: int | None = None
    diagnosed_at: float | None = None
    diagnosed_as: str = ""
    right: bool | None = None
    heal_began_at: float | None = None
    healed_at: float | None = None
    ending: str = ""
    recovered_at: float | None = None
    tickets: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    why: str = ""
    fate: str = ""
    interrupted: str = ""
    until: float | None = None
    seed: int = 0
