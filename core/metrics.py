"""Every metric of ours, against a registry that is handed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_TICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALL_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The program's own figures. Names follow Prometheus: base units, `_total` for counters."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        self.ticks = Counter(
            "tocsin_ticks",
            "Monitor ticks by subject and outcome.",
            ["subject", "outcome"],
            registry=r,
        )
        self.tick_seconds = Histogram(
            "tocsin_tick_seconds", "How long a tick took.", ["subject"], buckets=_TICK_S, registry=r
        )
        self.last_tick = Gauge(
            "tocsin_last_tick_timestamp_seconds",
            "When the last tick of a subject ended (unix).",
            ["subject"],
            registry=r,
        )
        self.verdicts = Gauge(
            "tocsin_verdicts",
            "Verdicts of the last tick by subject and value.",
            ["subject", "verdict"],
            registry=r,
        )
        self.source_age = Gauge(
            "tocsin_source_age_seconds",
            "Age of the newest reading of a source at the last tick.",
            ["subject", "source"],
            registry=r,
        )
        self.tickets = Gauge(
            "tocsin_open_tickets", "Open tickets by severity.", ["severity"], registry=r
        )
        self.overdue_faults = Gauge(
            "tocsin_overdue_faults",
            "Faults of experiments that should have been seen healed by now.",
            registry=r,
        )
        self.opened = Counter(
            "tocsin_tickets_opened", "Tickets opened by subject.", ["subject"], registry=r
        )
        self.deliveries = Counter(
            "tocsin_deliveries",
            "Slack effects by kind and outcome.",
            ["kind", "outcome"],
            registry=r,
        )
        self.slack_calls = Counter(
            "tocsin_slack_calls",
            "Slack Web API calls by method and outcome.",
            ["method", "outcome"],
            registry=r,
        )
        self.slack_seconds = Histogram(
            "tocsin_slack_call_seconds",
            "How long Slack took to answer.",
            ["method"],
            buckets=_CALL_S,
            registry=r,
        )
        self.backlog = Gauge(
            "tocsin_outbox_backlog", "Effects that are due and have not arrived.", registry=r
        )
        self.backlog_age = Gauge(
            "tocsin_outbox_oldest_seconds", "Age of the oldest effect that is due.", registry=r
        )
        self.parked = Gauge("tocsin_outbox_parked", "Effects that were given up.", registry=r)
        self.last_delivery = Gauge(
            "tocsin_last_delivery_timestamp_seconds",
            "When the last delivery cycle ended (unix).",
            registry=r,
        )
        self.sockets = Gauge(
            "tocsin_socket_connections", "Socket Mode connections that are up.", registry=r
        )
        self.socket_rebuilds = Counter(
            "tocsin_socket_rebuilds",
            "Socket Mode connections that the watchdog rebuilt.",
            registry=r,
        )
        self.requests = Counter(
            "tocsin_requests",
            "Human requests by verb and outcome.",
            ["verb", "outcome"],
            registry=r,
        )
        self.ack_seconds = Histogram(
            "tocsin_ack_seconds",
            "From a request's arrival to its acknowledgement.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0),
            registry=r,
        )
        self.diagnoses = Counter(
            "tocsin_diagnoses",
            "Diagnoses by maker (rules, claude) and certainty.",
            ["maker", "certainty"],
            registry=r,
        )
        self.diagnosis_seconds = Histogram(
            "tocsin_diagnosis_seconds",
            "How long a diagnosis took, gathering included.",
            ["maker"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 180.0),
            registry=r,
        )
        self.diagnosis_tokens = Counter(
            "tocsin_diagnosis_tokens", "Tokens that diagnoses took, of all kinds.", registry=r
        )
        self.diagnosis_dollars = Counter(
            "tocsin_diagnosis_dollars", "What diagnoses by a model cost.", registry=r
        )
        self.failures = Counter(
            "tocsin_failures", "Unexpected errors by where they happened.", ["where"], registry=r
        )

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
