"""Every metric of the API, with its unit; labels are few and bounded."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

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

        judged = ["version", "source", "lead_band"]
        self._judged = {
            "n": self._gauge("tq_model_judged_predictions", "Whose end is known, 28 days", judged),
            "brier": self._gauge("tq_model_brier", "Brier score, 28 days", judged),
            "log_loss": self._gauge("tq_model_log_loss", "Log loss, nats, 28 days", judged),
            "ece": self._gauge("tq_model_calibration_error", "In 15 equal bins", judged),
            "slope": self._gauge("tq_model_calibration_slope", "1 = right", judged),
            "o_e": self._gauge("tq_model_observed_to_expected", "Bad endings", judged),
        }
        self._drifting = self._gauge("tq_model_drifting", "1 = its calibration is off", ["version"])
        self._shift = self._gauge(
            "tq_model_feature_shift", "Population stability index", ["version", "feature"]
        )
        self._fallback = self._gauge(
            "tq_model_fallback_share", "Of shown predictions, not by a model, 28 days", []
        )

    def _gauge(self, name: str, about: str, labels: Sequence[str]) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry)

    def show_models(
        self, overview: Mapping[str, Any], details: Sequence[Mapping[str, Any]]
    ) -> None:
        """What `ModelHealth` answers; versions that serve no more are forgotten."""
        for gauge in (*self._judged.values(), self._drifting, self._shift):
            gauge.clear()
        share = overview["fallback_share"]
        self._fallback.set(math.nan if share is None else share)
        for detail in details:
            version = detail["version"]
            self._drifting.labels(version).set(detail["drift"]["state"] == "drifting")
            for feature, index in detail["shifts"].items():
                self._shift.labels(version, feature).set(index)
            for source, found in detail["live"].items():
                for band, figures in {"all": found["overall"], **found["bands"]}.items():
                    self._show_figures((version, source, band), figures)

    def _show_figures(self, labels: tuple[str, str, str], figures: Mapping[str, Any]) -> None:
        for name, gauge in self._judged.items():
            if figures[name] is not None:
                gauge.labels(*labels).set(figures[name])

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
