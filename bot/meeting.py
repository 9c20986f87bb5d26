"""Meeting Slack at the start, also when Slack is down: whoever watches at 3 am must go on watching.

Wrong tokens end the program with a sentence that says which and where to find the right one. When
Slack cannot be reached, who we are is what it said the last time; without a last time it is asked
until it answers.
"""

from __future__ import annotations

from dataclasses import asdict

import msgspec
import structlog

from bot.slack import Slack
from bot.start import Identity, check_app_token, introduce
from core import settings
from core.clock import Clock
from core.db import Database
from core.errors import Unavailable

log = structlog.get_logger()
KEY = "slack.identity"
RETRY_S = 2.0


async def meet(slack: Slack, app_token: str, db: Database, clock: Clock) -> Identity:
    """Who we are; without an app token in HTTP mode. Refused for a token that Slack refuses."""
    identity = await _introduced(slack, db, clock)
    if identity.missing:
        log.warning(
            "the app lacks scopes: install it again from manifest.yml",
            action="meet",
            missing=", ".join(identity.missing),
        )
    if app_token:
        try:
            await check_app_token(slack, app_token)
        except Unavailable as error:
            log.warning("Socket Mode could not be tried yet", action="meet", why=error.text)
    return identity


async def _introduced(slack: Slack, db: Database, clock: Clock) -> Identity:
    while True:
        try:
            identity = await introduce(slack)
        except Unavailable as error:
            log.warning("Slack cannot be reached", action="meet", why=error.text)
        else:
            text = msgspec.json.encode(asdict(identity)).decode()
            await db.write(settings.put, KEY, text)
            return identity
        known = await db.read(settings.get, KEY)
        if known is not None:
            return msgspec.json.decode(known, type=Identity)
        await clock.sleep(RETRY_S)
