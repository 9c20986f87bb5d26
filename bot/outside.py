"""The HTTP client for what is neither Slack nor a cluster: the heartbeat, the fallback pager."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10.0


class Outside:
    """The one client, made when somebody first wants it: most installations never do."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._client: httpx.AsyncClient | None = None

    @property
    def client(self) -> httpx.AsyncClient:
        """It honours the environment's proxies, follows no redirect and retries nothing."""
        import httpx

        if self._client is None:
            ca = self._ca_file
            trusted = ssl.create_default_context(cafile=ca) if ca else True
            self._client = httpx.AsyncClient(
                timeout=TIMEOUT_S, follow_redirects=False, verify=trusted
            )
        return self._client

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()
