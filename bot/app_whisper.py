"""Telling one person something in private, after the acknowledgement; at most once, never durable."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.app_request import Answer, Request, words
from bot.blocks import Message

Json = dict[str, Any]
_log = structlog.get_logger()

TOO_LATE = (
    "Slack did not let Tocsin open that form in time. Click again, or use the command: "
    "/tickets help lists them."
)


class Whisper:
    """Private answers to clicks: by the click's response_url, else as an ephemeral message."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def tell(self, request: Request, answer: Answer) -> None:
        """Show the answer to the person who clicked."""
        body: Json = {"response_type": "ephemeral", "text": answer.text}
        if answer.blocks:
            body["blocks"] = list(answer.blocks)
        if request.home or not (request.response_url or request.channel):
            await self._as_modal(request, answer)
        elif not (request.response_url and await self._respond(request, answer, body)):
            await self._ephemeral(request, body)

    async def _respond(self, request: Request, answer: Answer, body: Json) -> bool:
        client = self._client
        body = {**body, "replace_original": answer.in_place and request.private}
        if request.thread_ts and not body["replace_original"]:
            body["thread_ts"] = request.thread_ts
        hook = AsyncWebhookClient(
            request.response_url,
            session=client.session,
            proxy=client.proxy,
            ssl=client.ssl,
            retry_handlers=[],
        )
        hook.proxy = client.proxy  # without one the SDK has looked for itself
        try:
            response = await hook.send_dict(body)
        except Exception as error:  # noqa: BLE001 - any failure of the way means the other way
            _log.info("no answer by response_url", action="whisper.failed", error=repr(error))
            return False
        return bool(response.status_code == 200)

    async def _ephemeral(self, request: Request, body: Json) -> None:
        if not request.channel:
            return
        send = partial(
            self._client.chat_postEphemeral,
            channel=request.channel,
            user=request.user,
            thread_ts=request.thread_ts or None,
        )
        blocks = body.get("blocks") or ()
        try:
            await send(text=body["text"], blocks=blocks or None)
        except SlackApiError as error:
            if not blocks:
                raise
            # Never lose words because of their form.
            _log.warning("told in plain words", action="whisper.plain", error=str(error))
            await send(text=Message(body["text"], tuple(blocks)).fallback().text)

    async def _as_modal(self, request: Request, answer: Answer) -> None:
        # Over a modal that is open already, another is laid; opening would be refused.
        show = self._client.views_push if request.modal else self._client.views_open
        await show(trigger_id=request.trigger_id, view=notice(answer))

    async def open(self, request: Request, view: Json) -> str:
        """Open a modal; if Slack refuses (the trigger lives for 3 s), say so. Its id, or ""."""
        show = self._client.views_push if request.modal else self._client.views_open
        try:
            opened = await show(trigger_id=request.trigger_id, view=view)
        except SlackApiError as error:
            _log.warning("no modal", action="view.refused", error=str(error.response.get("error")))
            await self.tell(request, words(TOO_LATE, "late"))
            return ""
        return str((opened.get("view") or {}).get("id") or "")

    async def replace(self, view_id: str, answer: Answer) -> None:
        """Show the answer in the modal that was opened; nobody minds if it was closed meanwhile."""
        try:
            await self._client.views_update(
                view_id=view_id, view=answer.view if answer.view is not None else notice(answer)
            )
        except SlackApiError as error:
            _log.info("no modal", action="view.gone", error=str(error.response.get("error")))


def notice(answer: Answer) -> Json:
    """A modal that only says something."""
    said: Json = {"type": "section", "text": {"type": "plain_text", "text": answer.text[:3000]}}
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Tocsin"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": list(answer.blocks) or [said],
    }
