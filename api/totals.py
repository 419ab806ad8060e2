"""Counts of whole lists, kept while the data stays the same: counting costs more than a page."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

KEPT = 256

Selection = TypeVar("Selection")


class Totals(Generic[Selection]):
    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Selection], int] = OrderedDict()

    async def of(self, tag: str, selection: Selection, count: Callable[[], Awaitable[int]]) -> int:
        """`tag` names the data version that is being shown."""
        key = (tag, selection)
        if key not in self._kept:
            self._kept[key] = await count()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]
