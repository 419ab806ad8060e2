"""What was learned of whole lists, kept while the data stays the same: it costs more than a page.

How many there are, and where a page begins that follows one which was shown.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

KEPT = 256
PLACES_KEPT = 10_000

Selection = TypeVar("Selection")
Name = TypeVar("Name")
Value = TypeVar("Value")


class Recent(Generic[Name, Value]):
    """The values that were kept or asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Name, Value] = OrderedDict()

    def get(self, name: Name) -> Value | None:
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def keep(self, name: Name, value: Value) -> None:
        self._kept[name] = value
        self._kept.move_to_end(name)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


class Totals(Generic[Selection]):
    def __init__(self) -> None:
        self._kept: Recent[tuple[str, Selection], int] = Recent(KEPT)

    async def of(self, tag: str, selection: Selection, count: Callable[[], Awaitable[int]]) -> int:
        """`tag` names the data version that is being shown."""
        key = (tag, selection)
        total = self._kept.get(key)
        if total is None:
            total = await count()
            self._kept.keep(key, total)
        return total
