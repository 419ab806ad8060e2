"""The draw: which faults befall whom, and when. A seed decides everything."""

from dataclasses import asdict, dataclass
from random import Random

from streams.crash_points import POINTS

SPREAD_SECONDS = 4.0
"""Faults begin within this time of the schedule's begin."""
CALM_SECONDS = 1.0
"""The load goes on for so long after the last fault."""
WORKERS = {"score": 2, "sink": 1}
"""Always there; others join and leave."""
GUESTS = {"score": (2, 3), "sink": (1,)}
"""Slots of those."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    at: float
    """Seconds after the begin of the schedule."""
    seconds: float
    """Until it is mended."""
    target: str = ""
    """A worker."""
    detail: str = ""
    count: int = 0

    def __str__(self) -> str:
        words = [f"{self.at:4.1f} s", self.kind, self.target, self.detail]
        words += [f"x{self.count}"] if self.count else []
        words += [f"for {self.seconds:.1f} s"] if self.seconds else []
        return " ".join(word for word in words if word)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    faults: tuple[Fault, ...]

    @property
    def seconds(self) -> float:
        """How long the load and the faults go on."""
        last = max((fault.at + fault.seconds for fault in self.faults), default=0.0)
        return last + CALM_SECONDS

    @property
    def storms(self) -> list[tuple[float, int]]:
        """(place in the load as a fraction, number of records)."""
        storms = (fault for fault in self.faults if fault.kind == "poison-storm")
        return [(storm.at / self.seconds, storm.count) for storm in storms]


def draw(random: Random) -> Plan:
    """One to four faults that may overlap."""
    kinds = random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=random.randint(1, 4))
    faults = [_a_fault(random, kind) for kind in kinds]
    return Plan(tuple(sorted(faults, key=lambda fault: fault.at)))


WEIGHTS = {
    "kill": 4,
    "crash-point": 4,
    "zombie": 3,
    "fenced-zombie": 2,
    "join-and-leave": 2,
    "broker-kill": 2,
    "kafka-cut": 2,
    "kafka-slow": 1,
    "kafka-hole": 1,
    "poison-storm": 2,
    "postgres-terminate": 2,
    "postgres-kill": 2,
    "postgres-lost-commits": 2,
    "postgres-hole": 1,
}
"""How often each kind is drawn."""

LENGTHS = {
    "kill": (0.0, 1.5),
    "crash-point": (0.0, 0.0),
    # Beyond the session timeout of 6 s.
    "zombie": (7.5, 9.0),
    "fenced-zombie": (3.0, 5.0),
    "join-and-leave": (4.0, 6.0),
    "broker-kill": (0.0, 2.0),
    "kafka-cut": (0.0, 0.0),
    "kafka-slow": (1.0, 4.0),
    "kafka-hole": (2.0, 8.0),
    "poison-storm": (0.0, 0.0),
    "postgres-terminate": (0.0, 0.0),
    "postgres-kill": (0.0, 2.0),
    "postgres-lost-commits": (2.0, 2.0),
    "postgres-hole": (1.0, 4.0),
}
"""Seconds until the fault is mended: (least, most)."""


def _a_fault(random: Random, kind: str) -> Fault:
    at, seconds = random.uniform(0.0, SPREAD_SECONDS), random.uniform(*LENGTHS[kind])
    fault = Fault(kind, round(at, 2), round(seconds, 2))
    match kind:
        case "kill" | "zombie" | "fenced-zombie":
            return _with(fault, target=_a_worker(random))
        case "crash-point":
            worker = _a_worker(random)
            point = random.choice(POINTS[worker.partition("-")[0]])
            return _with(fault, target=worker, detail=f"{point}:{random.randint(1, 6)}")
        case "join-and-leave":
            stage = random.choice(list(GUESTS))
            return _with(fault, target=f"{stage}-{random.choice(GUESTS[stage])}")
        case "kafka-slow":
            return _with(fault, count=random.randrange(20, 300))
        case "poison-storm":
            return _with(fault, count=random.randrange(20, 90))
        case "postgres-lost-commits":
            return _with(fault, count=random.randint(1, 4))
    return fault


def _with(fault: Fault, *, target: str = "", detail: str = "", count: int = 0) -> Fault:
    return Fault(fault.kind, fault.at, fault.seconds, target, detail, count)


def _a_worker(random: Random) -> str:
    stage = random.choices(list(WORKERS), (3, 2))[0]
    return f"{stage}-{random.randrange(WORKERS[stage])}"
