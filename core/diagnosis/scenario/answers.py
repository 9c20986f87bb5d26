"""Reading what the world of a scenario answered."""

from __future__ import annotations

from typing import Any


def by_id(body: Any) -> dict[str, dict[str, Any]]:
    """The entries of a /stores body by entity; whatever is no entry is left out."""
    listed = body.get("stores") if isinstance(body, dict) else None
    return {
        f"store:{one['store']['id']}": one
        for one in listed or ()
        if isinstance(one, dict) and isinstance(one.get("store"), dict) and "id" in one["store"]
    }


def failed_call(answer: dict[str, Any]) -> str:
    """How a call to PD failed; "" if it did not."""
    if "failed" in answer:
        return str(answer["failed"])
    return f"{answer['status']}: {answer['body']}"[:300] if answer["status"] >= 500 else ""
