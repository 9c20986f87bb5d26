"""`tocsin serve`: the bot, in a real workspace, for real clusters."""

from __future__ import annotations

from bot import given
from bot.cli.common import (
    ConfigOption,
    DbOption,
    Exit,
    PdOption,
    PrometheusOption,
    command,
    complain,
    say,
)
from bot.cli.logs import set_up_logs
from bot.cli.signals import stopped_by_signal
from bot.start import TokenRefused
from bot.wiring import run
from core.clock import SystemClock
from core.config import load
from core.errors import Invalid


@command
async def serve(
    pd: PdOption = None,
    prometheus: PrometheusOption = None,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Watch the configured subjects and tell Slack, until stopped.

    Tokens come from SLACK_BOT_TOKEN, SLACK_APP_TOKEN (Socket Mode) and SLACK_SIGNING_SECRET (HTTP
    mode). Wrong tokens or a wrong configuration end it at once with exit code 2, a database that
    another process holds with 1.
    """
    settings = load(config, database=db, pd=pd, prometheus=prometheus)
    if not settings.file.subjects:
        raise Invalid(
            "There is nothing to watch: add [[subjects]] to the configuration, or give --pd."
        )
    given.check(settings)
    set_up_logs(settings.file.log, settings.secrets())
    stop = stopped_by_signal()
    try:
        async with run(settings, SystemClock(), "tocsin serve") as running:
            say(
                f"Connected to {running.identity.team or running.identity.team_id}; watching "
                f"{', '.join(s.name for s in settings.file.subjects)}; health on port {running.port}."
            )
            running.on_stop(stop.set)
            await stop.wait()
            lost = running.lost
    except TokenRefused as error:
        complain(error.text)
        raise Exit(2) from None
    if lost:
        complain(f"Stopped: {lost[0]}.")
        raise Exit(1)
    say("Stopped.")
