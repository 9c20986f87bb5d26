"""`tocsin safe kill|restart|stop|pause STORE`: may a person do it now? Looks, and harms nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from bot.cli import breakable
from bot.cli.common import (
    ConfigOption,
    Exit,
    JsonOption,
    PdOption,
    command,
    say,
)
from bot.text import terminal
from core.chaos import safety
from core.chaos.driver import Breakable
from core.clock import SystemClock, within
from core.config import load
from core.errors import Invalid, NotFound, Unavailable

app = typer.Typer(no_args_is_help=True, help="Whether something may be taken away now; no harm.")
READ_S = 20.0
_CHOICES = ("store", "random", "leader", "follower", "member", "pd", "pd:leader", "pd:follower")
"""What leaves the choice open: no name of what is chosen."""


def _verb(verb: str, does: str) -> Callable[..., None]:
    @command
    async def run(
        target: Annotated[
            str, typer.Argument(metavar="STORE", help="4, store:4, its address, or pd:pd-0.")
        ],
        subject: Annotated[str, typer.Option("--subject", help="Needed where several fit.")] = "",
        as_json: JsonOption = False,
        pd: PdOption = None,
        config: ConfigOption = None,
    ) -> None:
        settings = load(config, pd=pd)
        clock = SystemClock()
        async with breakable.opened(settings, clock) as subjects:
            name = _chosen(subjects, subject)
            found = subjects[name]
            asked = safety.may(found if isinstance(found, Breakable) else None, name, verb, target)
            try:
                may = await within(clock, READ_S, asked)
            except TimeoutError:
                raise Unavailable(f"{name} could not be read within {READ_S:g} s.") from None
        if as_json:
            told = {
                "subject": name,
                "verb": verb,
                "target": target,
                "ok": may.ok,
                "words": may.words,
                "margin": may.margin.value,
            }
            say(json.dumps(told, indent=2))
        else:
            say(terminal(_told(may, target), 600, lines=6))
        if not may.ok:
            raise Exit(1)

    run.__doc__ = does
    return run


def _told(may: safety.May, target: str) -> str:
    """The answer as people read it: the name that was asked for stands beside its entity."""
    words = may.words.replace("->", "→")
    entity, kind = may.entity, may.entity.partition(":")[0]
    asked_by_name = target not in _CHOICES and target not in (
        entity,
        entity.removeprefix(f"{kind}:"),
    )
    if not entity or not asked_by_name:
        return words
    return words.replace(entity, f"{target} ({entity})", 1)


def _chosen(subjects: Mapping[str, Any], wanted: str) -> str:
    """The subject that is meant: the named one, or the only one."""
    if not subjects:
        raise Invalid(
            "There is nothing to look at: give --pd (`tocsin twin status` shows a twin's PD), set "
            "PD_ENDPOINT, or name a configuration that has [[subjects]] with -c FILE."
        )
    if wanted:
        if wanted not in subjects:
            raise NotFound(
                f"There is no subject called {wanted!r}; there are {', '.join(subjects)}."
            )
        return wanted
    able = [name for name, one in subjects.items() if isinstance(one, Breakable)]
    if len(able) == 1:
        return able[0]
    raise Invalid(f"Of which subject? Add --subject with one of {', '.join(able or subjects)}.")


for _name, _does in (
    ("kill", "Would every majority survive the sudden end of this store? Exit code 0 if so."),
    ("restart", "Would every majority survive while this store restarts? Exit code 0 if so."),
    ("stop", "Would every majority survive without this store? Exit code 0 if so."),
    ("pause", "Would every majority survive while this store stands still? Exit code 0 if so."),
):
    app.command(_name)(_verb(_name, _does))
