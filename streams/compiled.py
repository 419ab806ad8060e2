"""Makes the compiled core ready: `python -m streams.compiled`.

Called before a stream begins, so that nothing is compiled while records wait. The first time takes
about half a minute; then the machine code is on disk, until its source or numba changes.
"""

from collections.abc import Callable
from time import monotonic
from uuid import UUID

import numpy as np

from models import walk
from schemas.lifecycle import decode_lifecycle, encode_tick
from schemas.packed_records import batches_of, unpack
from streams.outputs import Outputs
from tutor_quality import jit
from tutor_quality.domain.arena import FIRST_TUTORS
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import RiskRule
from tutor_quality.settings import Settings


def keep(settings: Settings) -> None:
    """Find machine code on disk and leave it there; without this it lives as long as the program.

    It is kept beside other things that several checkouts share, else with the data.
    """
    jit.keep_in(settings.cache_path / "compiled", settings.data_dir / "compiled")


def prepare(settings: Settings, say: Callable[[str], None], *, freeze: bool = True) -> None:
    """Have all compiled code at hand; `say` is told when that takes its time.

    `freeze`: a call that would have to compile raises TypeError from now on.
    """
    keep(settings)
    began = monotonic()
    kept = jit.is_kept()
    if not kept:
        say("compiling the core, once: about half a minute")
    use_everything()
    if freeze:
        jit.freeze()
    if not kept:
        say(f"compiled in {monotonic() - began:.0f} s")


def use_everything() -> None:
    """Call every entry once, with arguments of the types that it gets."""
    tutors = [str(UUID(int=number)) for number in range(2 * FIRST_TUTORS)]
    keys = [tutor.encode() for tutor in tutors]
    ticks = [encode_tick(tutor, 0) for tutor in tutors]
    batch = decode_lifecycle(keys, ticks, range(len(keys)), [0] * len(keys))
    rule = RiskRule()
    rows, again = TutorRows(rule), TutorRows(rule)
    folded = rows.fold(batch.columns)
    outputs = Outputs(rule, generation=1, partition=0, threshold=0.15)
    outputs.risk_changes(rows, folded.changes)
    outputs.alerts(rows, folded.changes)
    (sent,) = batches_of(outputs.scores(rows, folded.touched), 0)
    unpack(bytes(sent._build()), 0)
    again.load(keys, [value for _, value in rows.encode(folded.touched, b"tail").pairs()])
    again.numbers(keys)
    again.compact()
    _walk_once()


def _walk_once() -> None:
    leaf = np.full(1, walk.LEAF, walk.NODES)
    parts, top = np.zeros((1, 4)), np.empty((1, 3), np.int64)
    vector, no_terms = np.zeros((1, 3), np.float32), np.empty(0, walk.TERMS)
    walk.put_parts(leaf, np.zeros(1, np.int64), no_terms, 1.0, vector, parts, np.empty(1))
    walk.find_strongest(parts, top)


def main() -> None:
    """Called by `make setup`."""
    prepare(Settings(), print)


if __name__ == "__main__":
    main()
