"""What is said and advised of a cause under the circumstances that were seen, where they differ from the usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.diagnosis import befallen
from core.diagnosis.model import Snapshot
from core.diagnosis.rules.endings import BEGINS_ANEW, DIE_137, EXIT_137, SIGNAL_9
from core.diagnosis.rules.fine import CHANGES_ANY, NEW_LEADER_ANY, UPGRADES
from core.diagnosis.rules.fine_signs import EVENING_ALL, ONLY_REMOVED, UNEVEN
from core.diagnosis.rules.fleet import ODD, SKEW
from core.diagnosis.rules.life import AHEAD, ANSWERS, BEHIND, LEFT
from core.diagnosis.rules.network import EVERY_STORE_ANSWERS
from core.diagnosis.rules.placement_driver import FOREIGN, HANDED_OVER, HAS_LEADER, PD_SERVES
from core.diagnosis.rules.sign import Sign, seen


@dataclass(frozen=True, slots=True)
class Advice:
    """The sentence, what to do next and the risks of a cause; `commands` are the catalogue's templates."""

    says: str
    action: str
    risks: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    cause: str
    when: tuple[tuple[Sign, ...], ...]
    advice: Advice


_CASES = (
    _Case(
        "process_killed",
        ((ANSWERS,), (BEGINS_ANEW, EXIT_137, DIE_137, SIGNAL_9)),
        Advice(
            "The process of {entity} was ended from outside, and is back.",
            "Find out who or what ended it: a person, the kernel (`dmesg`), the machine.",
            (),
            ("docker-logs", "pd-store"),
        ),
    ),
    _Case(
        "pd_leader_loss",
        ((HAS_LEADER,), (PD_SERVES,)),
        Advice(
            "PD lost its leader, and another one leads by now.",
            "Restart nothing: the stores report to the new leader within a minute. Then look after the member that led.",
            ("What PD says of its stores until then is old: do not act on it.",),
            ("pd-members", "pd-health"),
        ),
    ),
    _Case(
        "observer_blind",
        ((AHEAD, BEHIND),),
        Advice(
            "The bot's own clock is off: what looks old or new to it is not. The cluster works.",
            "Set the clock of the machine that the bot runs on (NTP). The cluster needs nothing.",
            ("Until then ages and times that the bot tells are wrong by as much.",),
            ("pd-stores",),
        ),
    ),
    _Case(
        "observer_blind",
        ((FOREIGN,),),
        Advice(
            "The bot cannot see PD: something else answers in its place. The members themselves answer.",
            "Check what stands between the bot and PD (proxy, address, port). PD needs nothing.",
            ("Until then, a real outage would be seen late.",),
            ("pd-members", "pd-health"),
        ),
    ),
    _Case(
        "nothing_wrong",
        ((EVENING_ALL,), (UNEVEN,)),
        Advice(
            "Leaders are unevenly spread, and PD is evening them out.",
            "Let it go on, and look again in half an hour.",
            (),
            ("pd-schedulers", "pd-stores"),
        ),
    ),
    _Case(
        "nothing_wrong",
        (LEFT,),
        Advice(
            "{entity} left the cluster for good, on purpose.",
            "Do not start it again. Take it out of what watches it, and close the ticket.",
            (),
            ("pd-stores",),
        ),
    ),
    _Case(
        "nothing_wrong",
        (HANDED_OVER, (NEW_LEADER_ANY, CHANGES_ANY), (EVERY_STORE_ANSWERS,)),
        Advice(
            "PD's lead was moved on purpose; what its new leader says of {entity} may be old.",
            "Wait and observe: the stores report to the new leader within a minute.",
            ("If PD still misses a store after that, this was not all.",),
            ("pd-members", "pd-stores"),
        ),
    ),
    _Case(
        "nothing_wrong",
        (UPGRADES, (SKEW, ODD)),
        Advice(
            "An upgrade is under way: until it is through, versions differ.",
            "Let it go on. If no node has changed its version for a quarter of an hour, see where it stopped.",
            (),
            ("pd-stores", "pd-cluster-version"),
        ),
    ),
    _Case(
        "nothing_wrong",
        ((ONLY_REMOVED,),),
        Advice(
            "Nothing is wrong with {entity} that can be seen; its log misses stores that left for good.",
            "Wait and observe. Lines about stores that PD does not list need no answer.",
            (),
            ("pd-stores",),
        ),
    ),
)


def advice(cause: str, snapshot: Snapshot, entity: str) -> Advice:
    """What to say of the cause here: by what was seen, else as always."""
    for one in _CASES:
        if one.cause == cause and all(
            any(seen(sign, snapshot, entity) for sign in group) for group in one.when
        ):
            return one.advice
    usual = befallen.of(cause, entity)
    return Advice(usual.says, usual.action, usual.risks, usual.commands)


def unsure(cause: str, gaps: Sequence[str], action: str) -> str:
    """What to do while it is not sure: what is missing, and `action` in case it is this cause."""
    missing = "; ".join(gaps) or "nothing that tells these apart was seen"
    said = f"Not enough data, missing: {missing}."
    return said if cause == "unknown" else f"{said} If it is so: {action}"
