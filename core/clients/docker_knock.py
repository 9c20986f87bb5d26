"""Why a Docker engine's address cannot be used (the SDK says "error while fetching")."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


def knock(address: str, timeout_s: float) -> str:
    """ "" if something listens there, else the reason in words. Blocks, for `timeout_s` at most."""
    try:
        if address.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(timeout_s)
                one.connect(address.removeprefix("unix://"))
        else:
            parts = urlsplit(address)
            where = (parts.hostname or "", parts.port or 2375)
            socket.create_connection(where, timeout_s).close()
    except FileNotFoundError:
        return "there is no such socket"
    except PermissionError:
        return "this user may not use it (is it in the group docker?)"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
