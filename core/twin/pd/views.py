"""Stores and regions as PD's JSON shows them: proto3 leaves zero values out."""

from __future__ import annotations

from typing import Any

from core.twin.clock import wall_ns
from core.twin.golang import duration, number, rfc3339, size
from core.twin.pd.cluster import Cluster, Flow
from core.twin.seed import Region

GIB = 1024**3


def store(cluster: Cluster, store_id: int, counts: tuple[dict[int, int], ...]) -> dict[str, Any]:
    """One {store, status} object."""
    return {"store": _meta(cluster, store_id), "status": _status(cluster, store_id, counts)}


def _meta(cluster: Cluster, store_id: int) -> dict[str, Any]:
    meta = cluster.stores[str(store_id)]
    row: dict[str, Any] = {"id": store_id, "address": meta["address"]}
    if meta["state"]:
        row["state"] = meta["state"]
    if meta["labels"]:
        row["labels"] = [{"key": k, "value": v} for k, v in meta["labels"]]
    row.update(
        {
            "version": meta["version"],
            "peer_address": meta["address"],
            "status_address": meta["status_address"],
            "git_hash": meta["git_hash"],
            "start_timestamp": meta["start_timestamp"],
            "deploy_path": meta["deploy_path"],
            "last_heartbeat": cluster.live[store_id].heartbeat_ns,
        }
    )
    if meta["destroyed"]:
        row["physically_destroyed"] = True
    if meta["node_state"]:
        row["node_state"] = meta["node_state"]
    row["state_name"] = cluster.state_name(store_id)
    return row


def _status(cluster: Cluster, store_id: int, counts: tuple[dict[int, int], ...]) -> dict[str, Any]:
    meta, live = cluster.stores[str(store_id)], cluster.live[store_id]
    stats = live.stats or {}
    leaders, held = counts[0].get(store_id, 0), counts[1].get(store_id, 0)
    leader_size, region_size = sizes(cluster, store_id)
    row: dict[str, Any] = {
        "capacity": size(stats.get("capacity", 0)),
        "available": size(stats.get("available", 0)),
        "used_size": size(stats.get("used", 0)),
        "leader_count": leaders,
        "leader_weight": number(meta["leader_weight"]),
        "leader_score": number(leaders / max(meta["leader_weight"], 1e-6)),
        "leader_size": leader_size,
        "region_count": held,
        "region_weight": number(meta["region_weight"]),
        "region_score": number(region_score(cluster, store_id)),
        "region_size": region_size,
    }
    row.update(_optional(cluster, store_id, stats))
    start_ns = meta["start_timestamp"] * 10**9
    row["start_ts"] = rfc3339(start_ns)
    row["last_heartbeat_ts"] = rfc3339(live.heartbeat_ns)
    if live.heartbeat_ns > start_ns:
        row["uptime"] = duration(live.heartbeat_ns - start_ns)
    return row


def _optional(cluster: Cluster, store_id: int, stats: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    version = cluster.version
    if version.at_least(8, 5, 7):
        row["pending_peer_count"] = pending_peers(cluster, store_id)
    row["slow_score"] = stats.get("slow_score", 0)
    if version.at_least(8, 5, 7):
        row["network_slow_score"] = stats.get("network_slow_score")
    row["sending_snap_count"] = stats.get("sending_snap", 0)
    row["receiving_snap_count"] = stats.get("receiving_snap", 0)
    row["is_busy"] = stats.get("is_busy", False)
    return {name: value for name, value in row.items() if value}


def pending_peers(cluster: Cluster, store_id: int) -> int:
    return sum(1 for flow in cluster.flows.values() if store_id in flow.pending)


def sizes(cluster: Cluster, store_id: int) -> tuple[int, int]:
    """MiB of the regions that the store leads, and of all that it holds."""
    led = held = 0
    for region in cluster.regions.values():
        if store_id in region.peers:
            flow = cluster.flows.get(region.id)
            held += flow.size_mib if flow else 0
            led += flow.size_mib if flow and region.leader == store_id else 0
    return led, held


def region_score(cluster: Cluster, store_id: int) -> float:
    """Size weighted by how full the disk is (formula v2's shape, not its exact figures)."""
    _, region_size = sizes(cluster, store_id)
    live = cluster.live[store_id].stats
    if not region_size or not live:
        return 0.0
    free = max(float(live["available"]) / GIB, 0.1)
    full = 1.0 - float(live["available"]) / max(int(live["capacity"]), 1)
    weight = float(cluster.stores[str(store_id)]["region_weight"])
    return region_size * (3.9 + 60.0 * full * full + 74.0 / free) / max(weight, 1e-6)


def stores(cluster: Cluster, ids: list[int]) -> dict[str, Any]:
    counts = cluster.counts()
    return {"count": len(ids), "stores": [store(cluster, store_id, counts) for store_id in ids]}


def peer(region: Region, store_id: int) -> dict[str, Any]:
    return {"role_name": "Voter", "id": region.peers[store_id], "store_id": store_id}


def region(cluster: Cluster, found: Region | None) -> dict[str, Any]:
    """One region; None gives the all-zero object that versions up to 8.5 answer."""
    flow = cluster.flows.get(found.id, Flow()) if found else Flow()
    row: dict[str, Any] = {"id": 0, "start_key": "", "end_key": "", "leader": {"role_name": ""}}
    if found is not None:
        row = {
            "id": found.id,
            "start_key": found.start,
            "end_key": found.end,
            "epoch": {"conf_ver": found.conf_ver, "version": found.version},
            "peers": [peer(found, store_id) for store_id in found.peers],
            "leader": (
                peer(found, found.leader) if found.leader in found.peers else {"role_name": ""}
            ),
        }
        row.update(_troubles(cluster, found, flow))
    row.update(
        {
            "cpu_usage": round(flow.cpu),
            "written_bytes": flow.written_bytes,
            "read_bytes": flow.read_bytes,
            "written_keys": flow.written_keys,
            "read_keys": flow.read_keys,
            "approximate_size": flow.size_mib,
            "approximate_keys": flow.keys,
        }
    )
    if cluster.version.at_least(26):
        row.update({"approximate_kv_size": 0, "approximate_columnar_kv_size": 0})
    return row


def _troubles(cluster: Cluster, found: Region, flow: Flow) -> dict[str, Any]:
    row: dict[str, Any] = {}
    down = {store_id: since for store_id, since in flow.down.items() if store_id in found.peers}
    if down:
        row["down_peers"] = [
            {"peer": peer(found, store_id), "down_seconds": int(seconds)}
            for store_id, seconds in down.items()
        ]
    pending = [store_id for store_id in flow.pending if store_id in found.peers]
    if pending:
        row["pending_peers"] = [peer(found, store_id) for store_id in pending]
    return row


def regions(cluster: Cluster, found: list[Region]) -> dict[str, Any]:
    return {"count": len(found), "regions": [region(cluster, one) for one in found]}


def trend(cluster: Cluster) -> dict[str, Any]:
    """GET /trend (gone in 26.3): raw byte figures."""
    leaders, held = cluster.counts()
    rows = []
    for sid, meta in cluster.stores.items():
        live = cluster.live[int(sid)]
        stats = live.stats or {}
        rows.append(
            {
                "id": int(sid),
                "address": meta["address"],
                "state_name": cluster.state_name(int(sid)),
                "capacity": stats.get("capacity", 0),
                "available": stats.get("available", 0),
                "region_count": held.get(int(sid), 0),
                "leader_count": leaders.get(int(sid), 0),
                "start_ts": rfc3339(meta["start_timestamp"] * 10**9),
                "last_heartbeat_ts": rfc3339(live.heartbeat_ns),
                "uptime": duration(max(live.heartbeat_ns - meta["start_timestamp"] * 10**9, 0)),
                "hot_write_flow": 0,
                "hot_write_region_flows": None,
                "hot_read_flow": 0,
                "hot_read_region_flows": None,
            }
        )
    end = wall_ns() // 10**9
    return {"stores": rows, "history": {"start": -62135596800, "end": end, "entries": []}}
