"""Where tickets go, and whom they mention."""

from __future__ import annotations

import pytest

from bot.routes import Route, Routes, mention
from core.errors import Invalid
from core.invariant import Severity

C, W = Severity.CRITICAL, Severity.WARNING


def routes() -> Routes:
    return Routes(
        (
            Route("prod-pages", "<!subteam^S1A>", ("prod",), (C,)),
            Route("prod-alerts", "", ("prod",)),
            Route("pages", "<@U1A>", severities=(C,)),
        ),
        "everything",
        "ops",
    )


@pytest.mark.parametrize(
    ("subject", "severity", "channel"),
    [
        ("prod", C, "prod-pages"),
        ("prod", W, "prod-alerts"),
        ("other", C, "pages"),
        ("other", W, "everything"),
        (None, W, "everything"),
        ("tocsin", C, "ops"),
    ],
)
def test_the_first_route_that_takes_a_ticket_has_it(
    subject: str | None, severity: Severity, channel: str
) -> None:
    assert routes().find(subject, severity).channel == channel


def test_tocsins_own_tickets_go_elsewhere_only_by_a_route_that_names_it() -> None:
    own = Routes((Route("bot-news", subjects=("tocsin",)),), "everything", "ops")
    assert own.find("tocsin", W).channel == "bot-news"


def test_every_channel_is_listed_once() -> None:
    assert routes().channels() == ("prod-pages", "prod-alerts", "pages", "everything", "ops")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("U012AB", "<@U012AB>"),
        ("@W012AB", "<@W012AB>"),
        ("S012AB", "<!subteam^S012AB>"),
        ("<@U012AB>", "<@U012AB>"),
        ("<!subteam^S012AB>", "<!subteam^S012AB>"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_mention_is_written_as_slack_reads_it(given: str | None, meant: str) -> None:
    assert mention(given) == meant


@pytest.mark.parametrize("given", ["@ana", "here", "<!channel>", "<!here>", "C012AB", "U", "u012"])
def test_what_would_mention_nobody_or_everybody_is_refused(given: str) -> None:
    with pytest.raises(Invalid):
        mention(given)
