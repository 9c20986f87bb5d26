"""PD's configuration: recorded defaults of the version, changed by POST /config, kept in etcd."""

from __future__ import annotations

import copy
import json
from typing import Any

from core.twin.golang import duration, parse_duration
from core.twin.pd.document import Document
from core.twin.spec import PdSpec, Spec
from core.twin.versions import Version

SECTIONS = ("schedule", "replication", "pd-server", "replication-mode")


class Config:
    """Reads and changes by dotted key; unknown keys and wrong types are refused."""

    def __init__(self, spec: Spec, version: Version, document: Document) -> None:
        self._spec, self._version, self._document = spec, version, document

    def get(self, dotted: str) -> Any:
        """One item, for example "schedule.leader-schedule-limit"; KeyError when unknown."""
        changed = self._document.value["config"]
        if dotted in changed:
            return changed[dotted]
        node: Any = self._version.config
        for part in dotted.split("."):
            node = node[part]
        return node

    def find(self, key: str) -> str | None:
        """The dotted name of a flat or dotted key that may be changed, or None."""
        if "." in key:
            section = key.split(".")[0]
            return key if section in SECTIONS and self._exists(key) else None
        for section in SECTIONS[:3]:
            if key in self._version.config[section]:
                return f"{section}.{key}"
        return None

    def _exists(self, dotted: str) -> bool:
        try:
            self.get(dotted)
        except (KeyError, TypeError):
            return False
        return True

    def change(self, dotted: str, value: Any) -> None:
        """Set one item (the caller commits); ValueError when the type does not fit."""
        old = self.get(dotted)
        self._document.value["config"][dotted] = _fit(old, value)

    def section(self, name: str) -> dict[str, Any]:
        """A section with changes applied; `schedule` carries the store limits."""
        tree: dict[str, Any] = copy.deepcopy(self._version.config[name])
        for dotted, value in self._document.value["config"].items():
            head, _, rest = dotted.partition(".")
            if head == name:
                _put(tree, rest.split("."), value)
        if name == "schedule":
            if "schedulers-payload" in tree and not self._document.value["bootstrapped_ns"]:
                tree["schedulers-payload"] = {}
            stores = self._document.value["stores"]
            tree["store-limit"] = {
                sid: dict(meta["limit"]) for sid, meta in stores.items() if meta["state"] != 2
            }
        return tree

    def schedule_route(self) -> dict[str, Any]:
        """GET /config/schedule: up to 7.5 it leaves out the schedulers' payloads."""
        tree = self.section("schedule")
        if "schedulers-payload" in tree:
            tree["schedulers-payload"] = None
        return tree

    def cluster_version(self) -> str:
        booted = self._document.value["bootstrapped_ns"]
        return self._version.store_version if booted else "0.0.0"

    def whole(self, me: PdSpec) -> dict[str, Any]:
        """GET /config as this member answers it."""
        tree: dict[str, Any] = copy.deepcopy(self._version.config)
        client, peer = self._spec.client_url(me), self._spec.peer_url(me)
        tree.update({"client-urls": client, "advertise-client-urls": client})
        tree.update({"peer-urls": peer, "advertise-peer-urls": peer, "name": me.name})
        tree["data-dir"] = f"/data/{me.name}"
        tree["log"]["file"]["filename"] = f"/data/{me.name}.log"
        tree["metric"]["job"] = me.name
        tree["initial-cluster"] = ",".join(
            f"{pd.name}={self._spec.peer_url(pd)}" for pd in self._spec.pds
        )
        tree["cluster-version"] = self.cluster_version()
        tree.update({name: self.section(name) for name in SECTIONS})
        if self._spec.tls:
            tls = self._spec.tls
            paths = {"cacert-path": tls.ca, "cert-path": tls.cert, "key-path": tls.key}
            tree["security"].update(paths)
        return tree


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree[part]
    tree[path[-1]] = value


def _fit(old: Any, value: Any) -> Any:
    """The new value in the old one's type, as PD's typed structs would take it."""
    if isinstance(old, str) and old in ("true", "false"):
        return _boolean(value)
    if isinstance(old, str) and _is_duration(old):
        return duration(round(parse_duration(str(value)) * 1e9))
    if isinstance(old, str):
        return str(value)
    if isinstance(old, bool) and isinstance(value, bool):
        return value
    if isinstance(old, int | float) and not isinstance(value, bool):
        made = float(value)
        if not 0 <= made < 2**63:
            raise ValueError(f"json: cannot unmarshal number {value} into this config item")
        return int(made) if isinstance(old, int) and made == int(made) else made
    raise ValueError(f"json: cannot unmarshal {json.dumps(value)} into this config item")


def _boolean(value: Any) -> str:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError("json: invalid boolean")
    return text


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
