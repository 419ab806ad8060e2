"""Every metric of the API, with its unit; labels are few and bounded."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry per application, so that a process may hold several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "tq_api_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "tq_api_request_seconds",
            "Seconds from the request line to the last byte, streams left out",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "tq_api_requests_in_progress", "Requests being answered", registry=self.registry
        )
        self.events_accepted = Counter(
            "tq_api_events_accepted", "Session events Kafka acknowledged", registry=self.registry
        )
        self.events_refused = Counter(
            "tq_api_events_refused",
            "Session events not accepted",
            ["reason"],
            registry=self.registry,
        )
        self.audit_dropped = Counter(
            "tq_api_audit_dropped", "Audit rows that found the queue full", registry=self.registry
        )
        self.model_degraded = Gauge(
            "tq_model_degraded",
            "1 = something else predicts than the model that should, NaN = nobody has said",
            registry=self.registry,
        )
        self.live_clients = Gauge(
            "tq_api_live_clients", "Open live streams", registry=self.registry
        )
        self.live_dropped = Counter(
            "tq_api_live_dropped", "Live streams closed for being slow", registry=self.registry
        )

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
