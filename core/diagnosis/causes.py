"""The causes that a diagnosis may name, each with the sentence and the advice that go with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its word, what it says of `{entity}`, what to do, and at what risk. Said of a store;
    see befallen.py for what has no regions.

    `commands` are templates of the catalogue that fit; `root` is its depth: where two explain the
    same, the one with the higher root is the cause and the other its symptom.
    """

    name: str
    says: str
    action: str
    risks: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    root: int = 50


_REPLICAS = (
    "Until the store is back, its regions run with one replica fewer: do not stop another store."
)

CAUSES = {
    one.name: one
    for one in (
        Cause(
            "process_killed",
            "The process of {entity} was ended from outside and is not back.",
            "Start it again; then find out who or what ended it.",
            (_REPLICAS,),
            ("docker-start", "pd-store"),
            80,
        ),
        Cause(
            "process_crashed",
            "The process of {entity} ended by itself.",
            "Read its last log lines before starting it again: a panic on bad data comes back.",
            (_REPLICAS, "Starting it over damaged data may crash again; keep the data directory."),
            ("docker-logs", "docker-start"),
            84,
        ),
        Cause(
            "crash_loop",
            "{entity} ends again and again soon after each start.",
            "Stop the restarts, read the reason of the first one, then start it once.",
            (_REPLICAS, "Each restart replays the raft log and loads its disk."),
            ("docker-logs", "docker-stop"),
            88,
        ),
        Cause(
            "out_of_memory",
            "{entity} was killed for lack of memory.",
            "Start it again and lower its block cache or raise its memory limit: unchanged, it will happen again.",
            (_REPLICAS, "Another store takes over its load and may run out of memory next."),
            ("docker-inspect", "docker-start"),
            90,
        ),
        Cause(
            "process_hung",
            "The process of {entity} is there and does nothing.",
            "If it is paused, resume it. If it is stuck, take a stack dump, then restart it.",
            (_REPLICAS, "A restart loses the state that would explain the hang."),
            ("docker-unpause", "docker-restart"),
            78,
        ),
        Cause(
            "graceful_restart",
            "{entity} was asked to stop and left properly.",
            "Wait and observe: it should be back within minutes, and leaders return by themselves.",
            ("If it is not back in a few minutes, its start failed: read its log.",),
            ("pd-store",),
            76,
        ),
        Cause(
            "network_cut_two_way",
            "{entity} is cut off from the network: nobody reaches it, and it reaches nobody.",
            "Restore its network; do not restart it, and do not remove it from the cluster.",
            (_REPLICAS,),
            ("docker-inspect", "pd-store"),
            82,
        ),
        Cause(
            "network_cut_one_way",
            "{entity} runs, but a part of the cluster does not reach it.",
            "Check the path between the two sides (firewall, route, name); do not restart the store.",
            ("PD may evict or replace a store that serves.",),
            ("pd-store",),
            70,
        ),
        Cause(
            "observer_blind",
            "The bot cannot see {entity}; the cluster itself works.",
            "Check the way from the bot to the status ports. The cluster needs nothing.",
            ("Until then, a real outage would be seen late.",),
            ("pd-stores",),
            86,
        ),
        Cause(
            "pd_leader_loss",
            "PD lost its leader; the members that are left elect another.",
            "Wait and observe: an election takes 11 to 14 s. Then look after the member that led.",
            ("Until then no timestamps are given out: transactions wait.",),
            ("pd-members", "pd-health"),
            84,
        ),
        Cause(
            "pd_quorum_loss",
            "Too few PD members are left to elect a leader.",
            "Bring back PD members until more than half answer; do not recreate PD from nothing.",
            (
                "No timestamps, no scheduling: clients stop.",
                "Forcing a new PD cluster may lose data.",
            ),
            ("pd-health", "pd-members"),
            92,
        ),
        Cause(
            "pd_member_down",
            "{entity} is gone; PD works without it.",
            "Start the member again soon: one more loss may cost the quorum.",
            ("Do not stop another PD member meanwhile.",),
            ("pd-health", "pd-members"),
            60,
        ),
        Cause(
            "etcd_quorum_loss",
            "Too few members of etcd are left for a majority: nothing can be written.",
            "Bring back members until more than half answer; do not make a new cluster of what is left.",
            ("Forcing a new cluster while a missing member may come back loses writes.",),
            ("etcd-members", "etcd-status"),
            92,
        ),
        Cause(
            "etcd_no_space",
            "etcd has run into its quota and refuses every write.",
            "Compact old revisions, defragment the members one by one, then disarm the alarm.",
            ("A defragmentation stops the member that does it for its duration: the leader last.",),
            ("etcd-alarms", "etcd-status"),
            90,
        ),
        Cause(
            "etcd_corrupt",
            "The data of a member of etcd differs from that of the others.",
            "Stop the member that the alarm names, remove it, and add it again with an empty directory.",
            ("Disarming the alarm before that lets wrong data be read.",),
            ("etcd-alarms", "etcd-members"),
            94,
        ),
        Cause(
            "etcd_slow_disk",
            "The disk of {entity} is slow to sync: etcd's writes wait for it.",
            "Look who else uses the disk, and whether a defragmentation or a backup is running.",
            ("A leader whose disk stalls misses its heartbeats: elections follow.",),
            ("etcd-status",),
            72,
        ),
        Cause(
            "disk_full",
            "{entity} has no room left on its disk, or so little that it is restricted.",
            "Make room or add disk or stores; do not delete files of the store by hand.",
            ("A store that runs full refuses writes or stops.",),
            ("pd-store",),
            87,
        ),
        Cause(
            "slow_disk",
            "The disk of {entity} answers slowly.",
            "Move leaders off the store, then look at the disk (device errors, neighbours, cloud limits).",
            ("While its leaders stay, every write to them waits for this disk.",),
            ("pd-evict-leader", "pd-store"),
            72,
        ),
        Cause(
            "write_stall",
            "RocksDB holds up writes on {entity}: compaction does not keep up.",
            "Slow the writers (imports, batch jobs) until compaction has caught up.",
            ("Raising the limits hides the stall and makes reads slower.",),
            ("pd-hot-writes", "pd-store"),
            74,
        ),
        Cause(
            "hot_store",
            "{entity} gets far more load than its share.",
            "See which regions bring the load, and let PD's hot-region scheduler spread them.",
            ("Moving leaders by hand shifts the load, it does not lower it.",),
            ("pd-hot-writes", "pd-hot-reads"),
            55,
        ),
        Cause(
            "hot_region",
            "Very few regions bring most of the load of {entity}.",
            "Split the region or change what writes to it (sequential keys, one small table).",
            ("Moving its leader moves the trouble along.",),
            ("pd-hot-writes", "pd-hot-reads"),
            68,
        ),
        Cause(
            "leader_imbalance",
            "Leaders are unevenly spread; {entity} stands out.",
            "Wait and observe whether balance-leader evens it out; otherwise check weights and labels.",
            ("Transferring leaders by hand is undone by PD if weights differ.",),
            ("pd-schedulers", "pd-stores"),
            45,
        ),
        Cause(
            "scheduler_left_behind",
            "A scheduler or limit that somebody set still distorts {entity}.",
            "Ask whether it is still needed; if not, remove it.",
            ("If maintenance goes on, removing it sends leaders to a node that is about to stop.",),
            ("pd-schedulers", "pd-remove-evict-leader"),
            66,
        ),
        Cause(
            "raft_log_lag",
            "Followers of {entity} fall behind in the raft log.",
            "Look at its apply and append times and at the network between the stores.",
            ("A follower that is far behind needs a snapshot and cannot take over.",),
            ("pd-pending-peers",),
            58,
        ),
        Cause(
            "clock_step",
            "The clock of {entity} is wrong or jumped.",
            "Repair time synchronisation (NTP, chrony); do not step the clock back by hand.",
            ("Timestamps and leases depend on it.",),
            ("pd-members",),
            86,
        ),
        Cause(
            "prometheus_down",
            "Prometheus does not answer or does not scrape.",
            "Repair Prometheus. Until then, what only metrics show is unknown, not healthy.",
            ("Latency, disk and lag are not watched meanwhile.",),
            (),
            85,
        ),
        Cause(
            "prometheus_stale",
            "Prometheus answers, but its data is old.",
            "Look at its targets and its clock. Until then, its figures are of the past.",
            ("Old figures look healthy.",),
            (),
            85,
        ),
        Cause(
            "version_skew",
            "Nodes run different versions: an upgrade did not finish ({entity}).",
            "Finish the upgrade, or go back on the nodes that were changed.",
            ("Features are held back until all nodes run the same version.",),
            ("pd-stores", "pd-cluster-version"),
            52,
        ),
        Cause(
            "placement_unmet",
            "There are too few places for the replicas that are asked for.",
            "Bring back or add a store, or correct the labels and rules.",
            ("PD cannot replace lost replicas until then.",),
            ("pd-stores", "pd-replicate"),
            57,
        ),
        Cause(
            "nothing_wrong",
            "Nothing is wrong with {entity} that can be seen.",
            "Wait and observe.",
            (),
            (),
            10,
        ),
        Cause(
            "unknown",
            "What was seen of {entity} does not tell what is wrong.",
            "Not enough data: see what could not be looked at, and ask again when it can.",
            (),
            ("pd-stores",),
            0,
        ),
    )
}
