"""The calls that carry one effect to Slack: a post, an edit, or a picture in a thread.

A picture takes three calls, of which only the last shows it. Its file's id is committed before
that one, so that a call of unknown outcome can be looked for in the thread by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot import ids
from bot.channel_ids import ChannelIds
from bot.sender_record import Job
from bot.slack import Ambiguous, AuthFailed, Kind, Ok, Outcome, Refused, Slack, Unreached
from core import reconcile
from core.db import Database, Tx
from core.outbox import Row
from core.runs import artefacts
from core.runs.model import Artefact

PICTURE = "run_picture"
FILE = "file_id"
"""Under this name a row keeps which file it was about to show."""
MAX_ALT = 1000
TRIES = 6
"""So often an upload is tried, over about a minute: a picture keeps nothing else back."""
_MISSING_SCOPE = "missing_scope"


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes the calls of jobs that are committed as `sending`."""

    db: Database
    epoch: int
    slack: Slack
    ids: ChannelIds

    async def call(self, job: Job) -> Outcome:
        """Carry it out; what is known to have happened."""
        found = await self.ids.find(job.row.channel, to_post=job.row.ts is None)
        if not isinstance(found, str):
            # Nothing has left yet, whatever went wrong with looking the channel up.
            return Unreached(found.why) if isinstance(found, Ambiguous) else found
        if job.row.kind == PICTURE:
            return await self._picture(job, found)
        return await self._message(job, found)

    async def _message(self, job: Job, channel: str) -> Outcome:
        row = job.row
        payload = {
            "key": row.key,
            "ref": row.ref,
            "kind": row.kind,
        }
        arguments: dict[str, Any] = {
            "channel": channel,
            **_signed(job.message.payload(), row.key),
            "parse": "none",
            "link_names": False,
            "metadata": {"event_type": ids.METADATA_EVENT, "event_payload": payload},
        }
        if row.ts is not None:
            return await self.slack.call("chat.update", ts=row.ts, **arguments)
        if job.thread_ts is not None:
            arguments["thread_ts"] = job.thread_ts
        outcome = await self.slack.call(
            "chat.postMessage", unfurl_links=False, unfurl_media=False, **arguments
        )
        if isinstance(outcome, Ok):
            await self.ids.learn(row.channel, outcome.data.get("channel"))
        return outcome

    # Pictures.

    async def _picture(self, job: Job, channel: str) -> Outcome:
        picture = await self.db.read(_find, job.row)
        if picture is None:
            return Refused("no_picture", Kind.OTHER)
        promised = await self._upload(picture)
        if isinstance(promised, Unreached) and job.row.attempt >= TRIES:
            return Refused(promised.why[:100], Kind.OTHER)
        if not isinstance(promised, str):
            return promised
        await self.db.write_as(self.epoch, reconcile.amend, job.row.key, {FILE: promised})
        file = {"id": promised, "title": job.message.text[:250]}
        outcome = await self.slack.tell(
            "files.completeUploadExternal",
            files=json.dumps([file]),
            channel_id=channel,
            **({} if job.thread_ts is None else {"thread_ts": job.thread_ts}),
        )
        # The post itself comes a moment later and is not in the answer: the file stands for it.
        return Ok({"ts": promised}) if isinstance(outcome, Ok) else _own(outcome)

    async def _upload(self, picture: Artefact) -> str | Outcome:
        """The id of the uploaded file. Nobody sees it yet, so nothing here is in doubt."""
        outcome = await self.slack.ask(
            "files.getUploadURLExternal",
            filename=picture.name,
            length=len(picture.body),
            alt_txt=picture.alt[:MAX_ALT],
        )
        if not isinstance(outcome, Ok):
            return _unseen(outcome)
        url, file_id = outcome.data.get("upload_url"), outcome.data.get("file_id")
        if not (isinstance(url, str) and isinstance(file_id, str)):
            return Unreached("Slack named no address for the picture")
        failed = await self._send(url, picture.body)
        return file_id if failed is None else Unreached(failed)

    async def _send(self, url: str, body: bytes) -> str | None:
        """Bring the bytes there; what went wrong, or None."""
        web = self.slack.web
        try:
            async with self.slack.session.post(
                url,
                data=body,
                headers={"Content-Type": "application/octet-stream"},
                proxy=web.proxy,
                ssl=True if web.ssl is None else web.ssl,
                allow_redirects=False,
            ) as answer:
                taken = answer.status == 200
                return None if taken else f"the upload was answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:300].rstrip(": ")


def _find(tx: Tx, row: Row) -> Artefact | None:
    return artefacts.find(tx, int(row.data["run_id"]), str(row.data["name"]))


def _own(outcome: Outcome) -> Outcome:
    """A missing scope for pictures keeps no message back: only the picture is given up."""
    if isinstance(outcome, AuthFailed) and outcome.code == _MISSING_SCOPE:
        return Refused(outcome.code, Kind.OTHER)
    return outcome


def _unseen(outcome: Outcome) -> Outcome:
    return Unreached(outcome.why) if isinstance(outcome, Ambiguous) else _own(outcome)


def _signed(payload: dict[str, Any], key: str) -> dict[str, Any]:
    """The key once more, as the first block's id: a history may be shown without metadata."""
    if blocks := payload["blocks"]:
        payload["blocks"] = [{"block_id": key, **blocks[0]}, *blocks[1:]]
    return payload
