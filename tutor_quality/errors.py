"""Errors, named by what the caller must do.

TutorQualityError
├── InvalidRecord          dead-letter it; never retry
│   ├── UndecodableRecord      the bytes are not an event
│   ├── IllegalEvent           the event breaks a rule of the domain
│   └── EventFromTheFuture     it claims to have happened after it was recorded
├── TransientFailure       try again later; nothing was lost
├── ConfigurationError     stop at start; the message names the setting and the mend
├── InvalidInput           tell the user; the message names file, row and column
├── NotFound               answer 404
└── LogRewound             stop; the topic was re-created below our state
"""


class TutorQualityError(Exception):
    """The root: catching it catches everything this product raises on purpose."""


class InvalidRecord(TutorQualityError):
    """A record that can never be applied; `reason` is the stable code in its dead letter."""

    reason = "invalid"


class UndecodableRecord(InvalidRecord):
    reason = "undecodable"


class IllegalEvent(InvalidRecord):
    reason = "illegal"


class EventFromTheFuture(InvalidRecord):
    reason = "from-the-future"


class TransientFailure(TutorQualityError):
    """Something that others will mend: a broker or database that is away."""


class ConfigurationError(TutorQualityError):
    """A setting is missing or wrong."""


class InvalidInput(TutorQualityError):
    """A file or argument of the user's is wrong."""


class NotFound(TutorQualityError):
    """What was asked for does not exist."""


class LogRewound(TutorQualityError):
    """The log ends before an offset that was already applied: it was re-created."""
