"""The commands that a diagnosis may show: templates, filled only with ids that live things have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from core.diagnosis.claims import reach
from core.diagnosis.model import Command, Snapshot
from core.errors import Invalid

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Template:
    """A command: `text` with {names}, what it does, and whether it changes anything."""

    name: str
    text: str
    does: str
    args: tuple[str, ...] = ()
    changes: bool = False


_PD = "pd-ctl -u $PD "
_ETCD = "etcdctl --endpoints $ETCD "
TEMPLATES = {
    one.name: one
    for one in (
        Template("pd-store", _PD + "store {store_id}", "what PD says of the store", ("store_id",)),
        Template("pd-stores", _PD + "store", "all stores"),
        Template("pd-members", _PD + "member", "PD's members and leader"),
        Template("pd-health", _PD + "health", "which PD members answer"),
        Template("pd-schedulers", _PD + "scheduler show", "the schedulers that run"),
        Template("pd-replicate", _PD + "config show replication", "how many replicas, and where"),
        Template(
            "pd-cluster-version", _PD + "config show cluster-version", "the cluster's version"
        ),
        Template("pd-hot-writes", _PD + "hot write", "regions with the most writes"),
        Template("pd-hot-reads", _PD + "hot read", "regions with the most reads"),
        Template("pd-pending-peers", _PD + "region check pending-peer", "peers that fell behind"),
        Template(
            "pd-evict-leader",
            _PD + "scheduler add evict-leader-scheduler {store_id}",
            "moves all leaders off the store; undo with `scheduler remove`",
            ("store_id",),
            True,
        ),
        Template(
            "pd-remove-evict-leader",
            _PD + "scheduler remove evict-leader-scheduler-{store_id}",
            "lets leaders return to the store",
            ("store_id",),
            True,
        ),
        Template("etcd-members", _ETCD + "member list -w table", "etcd's members"),
        Template(
            "etcd-status",
            _ETCD + "endpoint status --cluster -w table",
            "each member's leader, indexes and size",
        ),
        Template("etcd-alarms", _ETCD + "alarm list", "the alarms that are raised"),
        Template("docker-inspect", "docker inspect {container}", "its state", ("container",)),
        Template(
            "docker-logs", "docker logs --tail 200 {container}", "its last lines", ("container",)
        ),
        Template("docker-start", "docker start {container}", "starts it", ("container",), True),
        Template("docker-stop", "docker stop -t 60 {container}", "stops it", ("container",), True),
        Template(
            "docker-restart",
            "docker restart -t 60 {container}",
            "restarts it",
            ("container",),
            True,
        ),
        Template(
            "docker-unpause", "docker unpause {container}", "resumes it", ("container",), True
        ),
    )
}


def arguments(snapshot: Snapshot, entity: str) -> Mapping[str, str]:
    """What may be put into templates for this entity: ids that its evidence names."""
    found: dict[str, str] = {}
    kind, _, name = entity.partition(":")
    if kind == "store" and name.isdigit() and snapshot.piece("store", entity) is not None:
        found["store_id"] = name
    container = snapshot.piece("container", entity)
    if container is not None and container.ok:
        called = reach(container.content, "now.name")
        if isinstance(called, str) and _SAFE.fullmatch(called):
            found["container"] = called
    return found


def fitting(names: tuple[str, ...], snapshot: Snapshot, entity: str) -> tuple[Command, ...]:
    """Those templates whose every argument is known here."""
    have = arguments(snapshot, entity)
    # A cluster is one of etcd or one with PD: the other's tool means nothing there.
    etcd = any(one.startswith("member:") for one in snapshot.entities)
    other = "pd-" if etcd else "etcd-"
    return tuple(
        Command(name, {key: have[key] for key in TEMPLATES[name].args})
        for name in names
        if not name.startswith(other) and all(key in have for key in TEMPLATES[name].args)
    )


def render(command: Command) -> str:
    """The command as text to copy; Invalid for an unknown template or an argument that is no id."""
    template = TEMPLATES.get(command.template)
    if template is None or set(command.args) != set(template.args):
        raise Invalid(f"There is no command {command.template!r} with these arguments.")
    for name, value in command.args.items():
        if not _SAFE.fullmatch(value):
            raise Invalid(f"{value[:40]!r} cannot be the {name} of a command.")
    return template.text.format(**{key: shlex.quote(value) for key, value in command.args.items()})
