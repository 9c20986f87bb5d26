"""Causes that lie in the watching: a Prometheus that does not answer, or whose data is old."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.life import CLOCKS_DIFFER
from core.diagnosis.rules.sign import Rule, Sign, only
from core.diagnosis.rules.ticket import FIGURES

NO_PROMETHEUS = Sign(
    70, "prometheus", "now.answers", Op.EQUALS, False, "Prometheus does not answer", direct=True
)
WHY = Sign(
    10,
    "prometheus",
    "now.said",
    Op.CONTAINS,
    "refused|timed out|timeout|reset|503|502|unavailable|no such host",
    "its answer: {value}",
)
NO_TARGETS = Sign(
    65,
    "spread",
    "unscraped_share",
    Op.AT_LEAST,
    0.99,
    "none of the nodes is scraped",
    about="cluster",
    direct=True,
)
STALE = Sign(
    65,
    "prometheus",
    "now.sample_age_s",
    Op.AT_LEAST,
    120,
    "its newest sample is {value} s old",
    direct=True,
    unless=CLOCKS_DIFFER,
)
STALE_BEYOND = Sign(
    65,
    "spread",
    "sample_age_beyond_clock_s",
    Op.AT_LEAST,
    120,
    "its newest sample is {value} s old, what the bot's clock is off set aside",
    about="cluster",
    direct=True,
)
THERE = Sign(10, "prometheus", "now.answers", Op.EQUALS, True, "Prometheus answers")
FRESH = Sign(
    30, "prometheus", "now.sample_age_s", Op.AT_MOST, 60, "its newest sample is {value} s old"
)
_WATCH = frozenset(("observer_blind", "prometheus_down", "prometheus_stale", "high_latency"))

RULES = (
    Rule(
        "prometheus_down",
        only("prometheus"),
        must=((NO_PROMETHEUS, NO_TARGETS),),
        signs=(WHY,),
        tickets=_WATCH,
    ),
    Rule(
        "prometheus_stale",
        only("prometheus"),
        must=((STALE, STALE_BEYOND), (THERE,)),
        tickets=_WATCH | FIGURES,
    ),
)
