"""PD's read paths that may be fetched raw, as evidence: a list, so that nothing else is."""

from __future__ import annotations

import re

CHECKS = frozenset(
    (
        "miss-peer",
        "extra-peer",
        "down-peer",
        "pending-peer",
        "learner-peer",
        "offline-peer",
        "empty-region",
        "oversized-region",
        "undersized-region",
    )
)

# Below /pd/api/v1. Left out on purpose: /regions and /regions/key (every region of the cluster),
# /admin and /debug (they change things or stop the process), anything that another method changes
# is still only ever read with GET.
READS = (
    r"/stores(\?state=[0-2](&state=[0-2])*)?",
    r"/stores/check\?state=(Up|Down|Disconnected|Offline|Tombstone)",
    r"/stores/(limit|progress\?action=(removing|preparing))",
    r"/store/\d{1,20}",
    r"/labels",
    r"/(health|ping|members|leader|status|version|cluster|cluster/status)",
    r"/config(/(schedule|replicate|pd-server|cluster-version|replication-mode|rules|rule_groups|placement-rule))?",
    r"/schedulers(\?status=(paused|disabled)(&timestamp=true)?)?",
    r"/schedulers/diagnostic/[a-z-]{1,60}",
    r"/scheduler-config(/[a-z-]{1,60}/list)?",
    r"/checker/(learner|replica|rule|split|merge|joint-state)",
    r"/operators(\?(kind=(admin|leader|region)|object=true))?",
    r"/operators/\d{1,20}",
    r"/operators/records(\?from=\d{1,12})?",
    r"/region/id/\d{1,20}",
    r"/regions/count",
    r"/regions/store/\d{1,20}",
    r"/regions/check/(" + "|".join(sorted(CHECKS)) + r"|hist-size|hist-keys)(\?bound=\d{1,9})?",
    r"/regions/(writeflow|readflow|writequery|readquery|confver|version|size|keys|cpu)\?limit=\d{1,3}",
    r"/regions/range-holes",
    r"/stats/region\?start_key=&end_key=",
    r"/hotspot/regions/(read|write)",
    r"/hotspot/stores",
    r"/replication_mode/status",
    r"/gc/safepoint",
    r"/min-resolved-ts",
    r"/trend",
)
_ALLOWED = re.compile("(?:" + "|".join(f"(?:{one})" for one in READS) + ")")


def allowed(path: str) -> bool:
    """Whether `path` (below /pd/api/v1, with its query) may be read raw."""
    return len(path) <= 200 and path.isascii() and _ALLOWED.fullmatch(path) is not None
