"""A model as it serves: logits and reasons of a batch in one walk of machine code.

XGBoost is the oracle: a scorer that does not answer as the model does is refused.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import walk
from models.linear import WIDEST, Linear
from models.predictor import Model
from tutor_quality.features import Feature, FeatureSpec

Floats = NDArray[np.float64]
REASONS = 3
KINDS = {"number": walk.NUMBER, "missing": walk.MISSING, "code": walk.CODE}


class Reason(NamedTuple):
    feature: str
    value: float | str | None
    """As the feature is; None = not known."""
    contribution: float
    """Part in the prediction's logit; positive = makes a bad ending likelier."""


class Scorer:
    """Of one model."""

    def __init__(self, model: Model) -> None:
        """Raises ValueError for trees that have more codes than a machine word."""
        share = model.line_share
        self._width = len(model.spec.features)
        self._nodes, self._roots = _forest(model.trees, 1 - share)
        self._terms = _terms(model.line, share)
        self._constant = 0.0
        self._constant = self._missing_constant(model)
        self._calibrator = model.calibrator
        self._named = [_named(model.spec, number) for number in range(self._width)]

    def _missing_constant(self, model: Model) -> float:
        """What trees and line add to every row: of the trees, only XGBoost's answer tells it."""
        nothing = np.full((1, self._width), np.nan, np.float32)
        return float(model.raw_logits(nothing)[0] - self.scored(nothing)[0][0])

    def scored(self, x: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Logits before calibration, and (n, k + 1): the parts that add up to them, the constant
        last. Along the paths of the trees: Shapley values would cost 75 times as much and name the
        same strongest feature in seven of eight predictions (correlation of the parts 0.98)."""
        parts = np.zeros((len(x), self._width + 1))
        parts[:, -1] = self._constant
        logits = np.empty(len(x))
        walk.put_parts(self._nodes, self._roots, self._terms, WIDEST, x, parts, logits)
        return logits, parts

    def reasons(self, x: NDArray[np.float32], parts: Floats) -> list[list[Reason]]:
        """The strongest features of each prediction, strongest first."""
        top = np.empty((len(x), REASONS), np.int64)
        walk.find_strongest(parts, top)
        values = np.take_along_axis(x, top, axis=1)
        strengths = np.take_along_axis(parts, top, axis=1) * self._calibrator.slope
        named = self._named
        flat = [
            Reason(named[number][0], _shown(named[number][1], value), strength)
            for number, value, strength in zip(
                *(column.ravel().tolist() for column in (top, values, strengths)), strict=True
            )
        ]
        return [flat[at : at + REASONS] for at in range(0, len(flat), REASONS)]


def _named(spec: FeatureSpec, number: int) -> tuple[str, Sequence[str] | None]:
    """Its name and, of a category, its values."""
    feature: Feature = spec.features[number]
    if not feature.category:
        return feature.name, None
    return feature.name, spec.context[number - len(spec.features)].values


def _shown(values: Sequence[str] | None, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if values is None:
        return value
    return values[int(value)] if value < len(values) else "another value"


def _forest(trees: Any, share: float) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All nodes one tree after the other, with `share` of their values; and the trees' roots."""
    document = json.loads(trees.save_raw("json"))
    features = trees.num_features()
    found = document["learner"]["gradient_booster"]["model"]["trees"]
    sizes = [len(tree["left_children"]) for tree in found]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    nodes = [
        _nodes(tree, int(root), features, share) for tree, root in zip(found, roots, strict=True)
    ]
    return np.concatenate(nodes), roots


def _refuse_stray(
    left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], features: int
) -> None:
    """Machine code checks no bounds: a walk must go forward, inside its tree and its vector."""
    inner = np.flatnonzero(left >= 0)
    sides = np.concatenate([left[inner], right[inner]])
    if (sides <= np.tile(inner, 2)).any() or (sides >= len(left)).any():
        raise ValueError("its trees lead back or out of themselves")
    if not ((feature[inner] >= 0) & (feature[inner] < features)).all():
        raise ValueError("its trees ask for features that there are not")


def _nodes(tree: dict[str, Any], root: int, features: int, share: float) -> NDArray[Any]:
    nodes = np.zeros(len(tree["left_children"]), walk.NODES)
    left = np.array(tree["left_children"])
    _refuse_stray(left, np.array(tree["right_children"]), np.array(tree["split_indices"]), features)
    nodes["left"] = left + root
    nodes["right"] = np.array(tree["right_children"]) + root
    nodes["feature"] = np.where(left < 0, walk.LEAF, tree["split_indices"])
    nodes["threshold"] = tree["split_conditions"]
    nodes["missing_left"] = tree["default_left"]
    nodes["category"] = tree["split_type"]
    nodes["value"] = share * _values(tree)
    for node, codes in _categories(tree):
        if max(codes, default=0) >= walk.CODES:
            raise ValueError(f"its trees tell more than {walk.CODES} values of a category apart")
        nodes["codes"][node] = sum(1 << code for code in codes)
    return nodes


def _values(tree: dict[str, Any]) -> Floats:
    """A leaf's answer; of another node the mean of its leaves, as XGBoost has it."""
    left, right = tree["left_children"], tree["right_children"]
    weight = tree["sum_hessian"]
    values = np.array(tree["split_conditions"], np.float64)
    for node in range(len(left) - 1, -1, -1):
        if left[node] >= 0:
            sides = (left[node], right[node])
            values[node] = sum(values[side] * weight[side] for side in sides) / weight[node]
    return values


def _categories(tree: dict[str, Any]) -> list[tuple[int, list[int]]]:
    """(node, codes that go right)"""
    parts = zip(
        tree["categories_nodes"],
        tree["categories_segments"],
        tree["categories_sizes"],
        strict=True,
    )
    return [(node, tree["categories"][begin : begin + size]) for node, begin, size in parts]


def _terms(line: Linear, share: float) -> NDArray[Any]:
    rows = [
        (term.feature, KINDS[term.kind], term.centre, term.scale, term.code, share * weight)
        for term, weight in zip(line.terms, line.weights.tolist(), strict=True)
    ]
    return np.array(rows, walk.TERMS)
