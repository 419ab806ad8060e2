"""What the score stage says to others, as records. Pure: everything follows from rows and
changes, so that a replay says the same with the same ids."""

from functools import cache
from uuid import NAMESPACE_DNS, UUID, uuid5

from schemas.scores import Changes, Saying, encode_alerts, encode_risk_changes, encode_scores
from tutor_quality.domain.fold import Numbers, Packed, TutorRows
from tutor_quality.domain.risk import RiskRule

NAMESPACE = uuid5(NAMESPACE_DNS, "tutor-quality")


@cache
def _ids(generation: int) -> UUID:
    """The namespace of its events' ids."""
    return uuid5(NAMESPACE, f"generation:{generation}")


class Outputs:
    """Encodes outputs of one partition of one generation of the input topic."""

    def __init__(self, rule: RiskRule, generation: int, partition: int, threshold: float) -> None:
        """`threshold`: the fraction that the rule was made of, as shown to readers."""
        self.saying = Saying(rule, threshold, generation, partition, _ids(generation))
        self.generation = generation

    def scores(self, rows: TutorRows, numbers: Numbers) -> Packed:
        """One score per tutor; the row's applied offset is its version."""
        return encode_scores(rows, numbers, self.saying)

    def risk_changes(self, rows: TutorRows, changes: Changes) -> Packed:
        return encode_risk_changes(rows, changes, self.saying)

    def alerts(self, rows: TutorRows, changes: Changes) -> Packed:
        """Their ids tell consumers what they have seen already."""
        return encode_alerts(rows, changes, self.saying)
