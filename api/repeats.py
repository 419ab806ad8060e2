"""What was sent lately, by event id: a repeat is sent unchanged, another fact may be a conflict."""

from collections import OrderedDict

from api.ingestion import Draft
from tutor_quality.domain.sessions import SessionEvent

REMEMBERED = 20_000


class Repeats:
    """Of this process. Without it a repeat is still the same event; only two things would differ:
    an instant that was set to the receipt, and that a conflict is noticed."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, tuple[bytes, SessionEvent]] = OrderedDict()

    def conflicts(self, draft: Draft) -> bool:
        """Whether other facts were sent under the id that the sender gave."""
        facts, _ = self._sent.get(draft.event.event_id, (draft.facts, None))
        return draft.named and facts != draft.facts

    def first(self, draft: Draft) -> SessionEvent | None:
        """The event as it was sent the first time; None if it was not, or said otherwise."""
        facts, event = self._sent.get(draft.event.event_id, (b"", None))
        return event if facts == draft.facts else None

    def remember(self, draft: Draft, event: SessionEvent) -> None:
        self._sent[event.event_id] = (draft.facts, event)
        self._sent.move_to_end(event.event_id)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
