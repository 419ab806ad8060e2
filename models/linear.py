"""Logistic regression over feature vectors: steadier than trees where data drifts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
MOST_CODES = 20
"""Of a category, the most frequent values get a column each."""
PENALTY = 10.0
STEPS = 200
WIDEST = 5.0
"""Standard deviations at which a number is cut off."""


@dataclass(frozen=True, slots=True)
class Term:
    """One column of the design: a number, "is missing" or "is this code" of one feature."""

    feature: int
    kind: str
    centre: float = 0.0
    scale: float = 1.0
    code: int = 0

    def column(self, x: NDArray[np.float32]) -> Floats:
        values = x[:, self.feature].astype(np.float64)
        if self.kind == "missing":
            return np.where(np.isnan(values), 1.0, 0.0)
        if self.kind == "code":
            return np.where(values == self.code, 1.0, 0.0)
        scaled = np.clip((_compressed(values) - self.centre) / self.scale, -WIDEST, WIDEST)
        return np.where(np.isnan(values), 0.0, scaled)


@dataclass(frozen=True, slots=True)
class Linear:
    terms: tuple[Term, ...]
    weights: Floats
    intercept: float
    width: int
    """Features of a vector."""

    @classmethod
    def fit(cls, x: NDArray[np.float32], y: NDArray[np.int8], category: list[bool]) -> "Linear":
        terms = tuple(term for j in range(x.shape[1]) for term in _terms(x[:, j], j, category[j]))
        design = np.stack([term.column(x) for term in terms], axis=1)
        model = LogisticRegression(C=1 / PENALTY, max_iter=STEPS, tol=1e-3)
        model.fit(design, y)
        return cls(terms, model.coef_[0].astype(np.float64), float(model.intercept_[0]), x.shape[1])

    def logits(self, x: NDArray[np.float32]) -> Floats:
        z: Floats = np.full(len(x), self.intercept)
        for term, weight in zip(self.terms, self.weights, strict=True):
            z += weight * term.column(x)
        return z

    def to_json(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "intercept": self.intercept,
            "weights": self.weights.tolist(),
            "terms": [[t.feature, t.kind, t.centre, t.scale, t.code] for t in self.terms],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Linear":
        """Raises ValueError for a term of a feature that there is not."""
        terms, width = tuple(Term(*term) for term in document["terms"]), int(document["width"])
        if not all(0 <= term.feature < width for term in terms):
            raise ValueError("its line asks for features that there are not")
        weights = np.array(document["weights"], dtype=np.float64)
        return cls(terms, weights, float(document["intercept"]), width)


def _compressed(values: Floats) -> Floats:
    """Counts and hours have long tails."""
    return np.sign(values) * np.log1p(np.abs(values))


def _terms(column: NDArray[np.float32], feature: int, category: bool) -> list[Term]:
    missing = np.isnan(column)
    terms = [Term(feature, "missing")] if 0 < missing.sum() < len(column) else []
    known = column[~missing].astype(np.float64)
    if category:
        codes = [int(code) for code in np.unique(known) if code < MOST_CODES]
        return terms + [Term(feature, "code", code=code) for code in codes]
    spread = float(_compressed(known).std()) if len(known) else 0.0
    if spread > 1e-6:
        terms.append(Term(feature, "number", float(_compressed(known).mean()), spread))
    return terms
