"""Which proxy leads to Slack: the configured one, else the environment's, except where it is not to
be used.

slack_sdk takes the environment's proxy for every address: NO_PROXY means nothing to it, and even a
workspace on this very machine would be sought behind the proxy.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str, given: str | None) -> str | None:
    """The proxy for `url`: `given`; none to this machine or past NO_PROXY; HTTPS_PROXY, HTTP_PROXY."""
    if given:
        return given
    host = urlsplit(url).hostname or ""
    if _here(host) or proxy_bypass(host):
        return None
    found = getproxies()
    return found.get("https") or found.get("http") or None


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
