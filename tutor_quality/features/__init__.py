"""Features of upcoming slots: one code for training, serving and backfill.

`fold` keeps a tutor's state, `features` reads it at `as_of`; both are pure.
"""

from tutor_quality.features.labels import Label, LabelRule
from tutor_quality.features.replay import Mark, Row, replay
from tutor_quality.features.reschedule import features, posterior, vectors
from tutor_quality.features.spec import ContextColumn, Feature, FeatureSpec
from tutor_quality.features.state import Slot, TutorState, fold

__all__ = [
    "ContextColumn",
    "Feature",
    "FeatureSpec",
    "Label",
    "LabelRule",
    "Mark",
    "Row",
    "Slot",
    "TutorState",
    "features",
    "fold",
    "posterior",
    "replay",
    "vectors",
]
