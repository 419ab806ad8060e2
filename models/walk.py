"""A blend of trees and a line, walked in machine code: each feature's part in the logit."""

import math

import numpy as np

from tutor_quality.jit import compiled, entry

NODES = np.dtype(
    [
        ("codes", np.uint64),
        ("value", np.float64),
        ("threshold", np.float32),
        ("feature", np.int32),
        ("left", np.int32),
        ("right", np.int32),
        ("missing_left", np.bool_),
        ("category", np.bool_),
    ],
    align=True,
)
"""`codes`: bit per code that goes right; `value`: what the node says before it is asked further;
`feature`: LEAF for a leaf."""
LEAF = -1
CODES = 64
"""A code from here on always goes left."""
TERMS = np.dtype(
    [
        ("feature", np.int64),
        ("kind", np.int64),
        ("centre", np.float64),
        ("scale", np.float64),
        ("code", np.float64),
        ("weight", np.float64),
    ]
)
NUMBER, MISSING, CODE = range(3)
ONE = np.uint64(1)


@entry
def put_parts(nodes, roots, terms, widest, x, parts, logits):
    """Adds each feature's part to `parts` (n, k + 1), whose last column holds the constant, and
    writes their sums to `logits`. A row's result does not depend on the other rows."""
    for tree in range(len(roots)):
        for row in range(len(x)):
            _walk(nodes, roots[tree], x[row], parts[row])
    for row in range(len(x)):
        _draw(terms, widest, x[row], parts[row])
        total = 0.0
        for part in parts[row]:
            total += part
        logits[row] = total


@entry
def find_strongest(parts, top):
    """The features with the greatest parts by size, greatest first; of equals the first."""
    for row in range(len(parts)):
        feature, size = -1, np.inf
        for place in range(top.shape[1]):
            feature, size = _next_strongest(parts[row], feature, size)
            top[row, place] = feature


@compiled
def _walk(nodes, root, values, parts):
    """The constant gets the root's value; each feature what its answer changes."""
    node = nodes[root]
    parts[len(parts) - 1] += node.value
    while node.feature != LEAF:
        child = nodes[node.left if _goes_left(node, values[node.feature]) else node.right]
        parts[node.feature] += child.value - node.value
        node = child


@compiled
def _goes_left(node, value):
    if math.isnan(value):
        return node.missing_left
    if not node.category:
        return value < node.threshold
    if not 0 <= value < CODES:
        return True
    return (node.codes >> np.uint64(value)) & ONE == 0


@compiled
def _draw(terms, widest, values, parts):
    for i in range(len(terms)):
        term = terms[i]
        parts[term.feature] += term.weight * _column(term, widest, np.float64(values[term.feature]))


@compiled
def _column(term, widest, value):
    """As `Term.column`."""
    if term.kind == MISSING:
        return 1.0 if math.isnan(value) else 0.0
    if term.kind == CODE:
        return 1.0 if value == term.code else 0.0
    if math.isnan(value):
        return 0.0
    compressed = math.copysign(math.log1p(abs(value)), value)
    return max(-widest, min(widest, (compressed - term.centre) / term.scale))


@compiled
def _next_strongest(parts, last, limit):
    """The first one behind feature `last`, whose size is `limit`; and its size."""
    best, greatest = 0, -1.0
    for feature in range(len(parts) - 1):
        size = abs(parts[feature])
        if size > greatest and (size < limit or (size == limit and feature > last)):
            best, greatest = feature, size
    return best, greatest
