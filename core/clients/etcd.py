"""etcd over HTTP: the JSON gateway of its v3 API, /health and /version, one member at a time.

Nothing here passes through Raft: each answer is that member's own word, given also without a
quorum. Alarms come with the status for that reason: asking for them by name (`alarm list`) appends
an entry to the Raft log each time (measured on 3.4.23: two questions, two entries) and hangs for
7 seconds without a leader.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.clients import etcd_decode
from core.clients.etcd_model import Health, MemberList, Status
from core.clients.http import MIB, Http, Reply

CLIENT_PORT = 2379
_NO_FIELDS = b"{}"
_JSON = {"Content-Type": "application/json"}


class Etcd:
    """Reads members, each at the base URL that is given. Every read raises SourceFailed.

    `total_s` limits one read more tightly than the connection's own limits.
    """

    def __init__(self, http: Http, *, headers: Mapping[str, str] | None = None) -> None:
        """`headers` go with every request (a proxy's login); they may hold credentials."""
        self._http = http
        self._headers = {**_JSON, **(headers or {})}

    async def members(self, url: str, *, total_s: float | None = None) -> MemberList:
        """The membership as that member knows it."""
        return etcd_decode.members(await self._post(url, "cluster/member/list", total_s))

    async def status(self, url: str, *, total_s: float | None = None) -> Status:
        """That member's own status."""
        return etcd_decode.status(await self._post(url, "maintenance/status", total_s))

    async def health(self, url: str, *, total_s: float | None = None) -> Health:
        """Whether a read through Raft succeeds there (this one does need a leader to be good).

        Without a leader it hangs, for seven seconds with etcd's default timeouts.
        """
        reply = await self._http.request(
            "GET", f"{url}/health", headers=self._headers, total_s=total_s, max_bytes=MIB
        )
        return etcd_decode.health(reply)

    async def _post(self, url: str, route: str, total_s: float | None) -> Reply:
        return await self._http.request(
            "POST",
            f"{url}/v3/{route}",
            body=_NO_FIELDS,
            headers=self._headers,
            total_s=total_s,
            max_bytes=MIB,
        )
