"""Mapped files as histories."""

from collections.abc import Iterable
from pathlib import Path

from models.datasets import base_rate, context_columns
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.features.labels import Ending
from tutor_quality.features.replay import in_order
from tutor_quality.ingest.mapping import SessionsMapping
from tutor_quality.ingest.sessions import read_sessions


def read_history(path: Path, mapping: SessionsMapping) -> list[SessionEvent]:
    """All facts of a file in event order. Raises InvalidInput, naming file, row and column."""
    rows = read_sessions(path, mapping).rows
    return in_order(event for row in rows for event in row.events())


def feature_spec(events: list[SessionEvent], mapping: SessionsMapping | None) -> FeatureSpec:
    """Without a mapping no context is used, and bad is what the tutor moved or cancelled."""
    if mapping is None:
        rule = LabelRule.tutor_moved()
        return FeatureSpec(rule, base_rate(events, rule))
    rule = label_rule(mapping)
    return FeatureSpec(rule, base_rate(events, rule), context_columns(events, mapping.context))


def label_rule(mapping: SessionsMapping) -> LabelRule:
    """The mapping's rule; a mapping that names no bad outcome gets the tutor-moved rule.

    Raises InvalidInput when values of the outcome column become the same event, yet the rule
    tells them apart: on the topic they could not be.
    """
    if not mapping.label.bad:
        return LabelRule.tutor_moved()
    bad = _endings(mapping, mapping.label.bad)
    censored = _endings(mapping, mapping.label.censored)
    good = _endings(mapping, set(mapping.outcomes) - mapping.label.bad - mapping.label.censored)
    for kind, initiator in (bad & censored) | (bad & good) | (censored & good):
        by = f" by {initiator}" if initiator else ""
        raise InvalidInput(
            f"{mapping.path}: label: outcome values with different labels become the same event "
            f"({kind}{by}); give them different events or initiators"
        )
    return LabelRule(bad, censored)


def _endings(mapping: SessionsMapping, values: Iterable[str]) -> frozenset[Ending]:
    outcomes = (mapping.outcomes[value] for value in values)
    return frozenset((o.event, o.initiator) for o in outcomes if o.event is not None)
