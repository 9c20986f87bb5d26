"""Experiments as data: those that come with the program, and the user's own."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.chaos.model import Experiment, Fault
from core.errors import Invalid, NotFound
from core.records import into

MOST = 200
"""Experiments that one catalogue may hold."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SELECTOR = re.compile(r"[A-Za-z0-9_.:\-\[\]]{1,200}")
_SHIPPED = Path(__file__).with_name("shipped.toml")
LONGEST_S = 3600.0
"""No experiment lasts longer, whatever is configured."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All experiments that can be run here, by name."""

    experiments: Mapping[str, Experiment]

    def get(self, name: str) -> Experiment:
        """The experiment; NotFound names the nearest ones."""
        found = self.experiments.get(name)
        if found is None:
            near = difflib.get_close_matches(name, list(self.experiments), n=2)
            hint = f"Did you mean {' or '.join(near)}?" if near else "`chaos list` shows them."
            raise NotFound(f"There is no experiment called {_shown(name)}. {hint}")
        return found

    def of_kind(self, kind: str, subject: str) -> tuple[Experiment, ...]:
        """Those that fit a subject, in order."""
        return tuple(one for one in self.experiments.values() if fits(one, kind, subject))


def fits(experiment: Experiment, kind: str, subject: str) -> bool:
    """Whether an experiment is meant for this subject."""
    if experiment.subject and experiment.subject != subject:
        return False
    return not experiment.kinds or kind in experiment.kinds


def _shown(name: str) -> str:
    return repr("".join(c for c in name[:40] if c.isprintable()))


def load(files: Sequence[Path] = (), tables: Iterable[Mapping[str, Any]] = ()) -> Catalog:
    """The shipped experiments, then those of `files`, then `tables` ([[experiments]] of the
    configuration); a later one of the same name takes the place of an earlier one. Invalid names
    the file and the key."""
    found: dict[str, Experiment] = {}
    for path in (_SHIPPED, *files):
        where = "shipped" if path == _SHIPPED else str(path)
        own = _several(_tables(path, where), where)
        found |= own
    found |= _several(tables, "experiments")
    if len(found) > MOST:
        raise Invalid(f"There are {len(found)} experiments; {MOST} at most are taken.")
    return Catalog(found)


def _tables(path: Path, where: str) -> list[Mapping[str, Any]]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Invalid(f"There is no file of experiments {where}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{where} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{where} is not valid TOML: {error}.") from None
    unknown = sorted(content.keys() - {"experiments"})
    if unknown:
        raise Invalid(f"{where}: unknown key {unknown[0]!r}; a file holds [[experiments]] alone.")
    tables = content.get("experiments", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise Invalid(f"{where}: experiments are tables, as in [[experiments]].")
    return tables


def _several(tables: Iterable[Mapping[str, Any]], where: str) -> dict[str, Experiment]:
    found: dict[str, Experiment] = {}
    for number, table in enumerate(tables, 1):
        one = experiment(table, f"{where}[{number}]")
        if one.name in found:
            raise Invalid(f"{where}: two experiments are called {one.name!r}.")
        found[one.name] = one
    return found


def experiment(table: Mapping[str, Any], where: str) -> Experiment:
    """One experiment from its table; Invalid names what is wrong with it."""
    for key in ("name", "title", "fault", "selector"):
        if key not in table:
            raise Invalid(f"{where}: {key!r} is missing.")
    plain = {**table, "params": {}}
    if plain["fault"] not in tuple(Fault):
        near = difflib.get_close_matches(str(plain["fault"]), list(Fault), n=1)
        hint = f" (did you mean {str(near[0])!r}?)" if near else f"; there are {', '.join(Fault)}"
        raise Invalid(f"{where}: there is no fault {plain['fault']!r}{hint}.")
    params = table.get("params", {})
    if not isinstance(params, Mapping):
        raise Invalid(f"{where}: params must be a table.")
    made = into(Experiment, plain, where)
    made = dataclasses.replace(made, params=dict(params), about=" ".join(made.about.split()))
    _sound(made, where)
    return made


def _sound(one: Experiment, where: str) -> None:
    if not _NAME.fullmatch(one.name):
        raise Invalid(f"{where}: {one.name!r} is no name: lower-case letters, digits and dashes.")
    if not _SELECTOR.fullmatch(one.selector):
        raise Invalid(f'{where}: {one.selector!r} is no selector, as in "store" or "pd:leader".')
    limits = {
        "duration": (one.duration_s, LONGEST_S),
        "detect_within": (one.detect_within_s, LONGEST_S),
        "recover_within": (one.recover_within_s, 24 * 3600.0),
    }
    for key, (value, most) in limits.items():
        if not 0 < value <= most:
            raise Invalid(f"{where}.{key}: must be longer than nothing and at most {most:g} s.")


def check_names(catalog: Catalog, known: Mapping[str, Collection[str]]) -> None:
    """Invalid for an experiment that names an invariant, or a kind, that there is not: it would
    wait in vain. `known` holds the invariants of each kind of subject."""
    for one in catalog.experiments.values():
        for kind in one.kinds:
            if kind not in known:
                there = ", ".join(known)
                raise Invalid(
                    f"experiment {one.name!r}: there is no kind {kind!r}; there is {there}."
                )
        mine = {name for kind in one.kinds or known for name in known[kind]}
        for name in (*one.expects, *one.abort_on, *one.steady):
            if name not in mine:
                near = difflib.get_close_matches(name, mine, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise Invalid(f"experiment {one.name!r}: there is no invariant {name!r}{hint}.")


def table_of(one: Experiment) -> dict[str, Any]:
    """An experiment as plain JSON, to be kept with its run."""
    return {
        **{f.name: getattr(one, f.name) for f in dataclasses.fields(one)},
        "fault": str(one.fault),
        "params": dict(one.params),
    }


def from_table(kept: Mapping[str, Any]) -> Experiment:
    """What `table_of` kept; keys of another release are left out."""
    known = {f.name for f in dataclasses.fields(Experiment)}
    values = {key: value for key, value in kept.items() if key in known}
    values["fault"] = Fault(values["fault"])
    for key in ("kinds", "expects", "abort_on", "steady"):
        values[key] = tuple(values.get(key) or ())
    return Experiment(**values)
