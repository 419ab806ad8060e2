"""Other meanings for names that a method of somebody else's uses, for one object only."""

from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any


def with_names(method: Any, names: Mapping[str, Any], owner: object) -> MethodType:
    """The method, bound to `owner`; `method` is a plain function without a closure."""
    return MethodType(FunctionType(method.__code__, {**method.__globals__, **names}), owner)
