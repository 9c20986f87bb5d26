"""The HTTP client for what is neither Slack nor a cluster: the heartbeat, the fallback pager."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

TIMEOUT_S = 10.0


def outside(ca_file: Path | None) -> httpx.AsyncClient:
    """A client that honours the environment's proxies, follows no redirect and retries nothing."""
    trusted = ssl.create_default_context(cafile=ca_file) if ca_file else True
    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, verify=trusted)
