"""docs/benchmarks.md and its charts, from a results file alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import results, spread
from bench.charts import Bar, bars
from bench.results import FOLDER, ROOT, Results

PAGE = ROOT / "docs" / "benchmarks.md"
OURS = "ours"
Figures = dict[str, Any]

INTRODUCTION = """\
# Benchmarks

Everybody does the same job, on one broker, one after the other. A program wrote the figures from \
`benchmarks/{file}`, nothing is by hand.

**The job.** {events:,} session events in Avro of {tutors:,} tutors over 200 days of simulated \
time, in 4 partitions; 3 % of them come more than a day late and some too late for any window. \
For every tutor the exact number of sessions, and of those that the tutor moved, in the 7, 30 and \
90 days before now, to the millisecond, expiries included. Scores to one topic, changes between \
low and high risk (a rate above 15 % in any window) to a second one. State survives a crash; at \
least once; a commit a second. Stock Faust and Quix get a fifth of the events and of the tutors, \
which is as many events a tutor; ours does that job as well.

**Rules.** The system under test has one core, the broker and everything else the others. CPU \
seconds are those of its whole process tree, asked of the operating system, between its first and \
its last output as the broker stamped them: a start costs nobody anything. Three runs, another \
system first in each round; the median, and the range in brackets. After each run every tutor's \
counts and flips are compared with a naive count made from the events alone; a wrong answer voids \
the speed.

**What is not equal.** Ours writes full Avro scores of about 140 bytes, also counts attendance, \
keeps open slots, corrections and evidence, and lets time pass when nothing arrives; the peers do \
the job and nothing else, and write structs of 41 bytes. How often a score is said differs too: \
see the column. Peers are written as an expert of each would: packed rows as bytes, hand-written \
Avro reader in Java, uvloop and no logging for Faust (`bench/peers`).
"""

REPEAT = """\
## How to repeat
`make bench` measures everything and writes this page (about 25 minutes on two cores that do \
nothing else), `make bench-growth` the table of growth, `make bench-quick` the essential in three \
minutes. `python -m bench run --help` names systems, parts, events and runs to measure less; \
what is measured again replaces what was there. `python -m bench page` writes the page anew. \
Peers install themselves into the data directory, from requirements with hashes and jars with \
SHA-256.
"""


def write(path: Path) -> None:
    """The page, and the charts beside the results."""
    measured = results.load(path)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, chart in _charts(measured):
        (FOLDER / f"{name}.svg").write_text(chart)
    PAGE.write_text("\n".join(_parts(path, measured)))


def _parts(path: Path, measured: Results) -> Iterator[str]:
    job = measured.get("catch-up", {}).get(OURS, {}).get("job", {"events": 0, "tutors": 0})
    yield INTRODUCTION.format(file=path.name, **{k: job[k] for k in ("events", "tutors")})
    yield _machine(measured)
    for section, write_section in SECTIONS.items():
        if section in measured:
            yield from write_section(measured[section])
            yield ""
    lost = list(_lost(measured))
    if lost:
        yield "## Where we lose"
        yield from (f"- {sentence}" for sentence in lost)
        yield ""
    yield REPEAT


def _machine(measured: Results) -> str:
    """Everything was measured by these; more than one line when parts were measured apart."""
    made = [entry["made"] for section in measured.values() for entry in section.values()]
    named = {
        (
            f"{of['processor']}, {of['cores']} cores, {of['memory_gb']} GB, {of['kernel']},"
            f" Python {of['python']}; commit {of['commit']}"
        ): of["at"]
        for of in made
    }
    lines = [f"- {what} ({at})" for what, at in named.items()]
    return "\n".join(["**Measured on**", *lines, ""])


# Catch-up


def _catch_up(section: Figures) -> Iterator[str]:
    yield "## Catch-up"
    yield "![events per CPU second](benchmarks/catch-up.svg)"
    yield ""
    yield from _table(
        [
            "system",
            "events",
            "scores are said",
            "scores per event",
            "events per CPU second",
            "second half of the run",
            "events per second",
            "peak MB",
            "changelog bytes per event",
        ],
        (_catch_up_row(name, entry) for name, entry in section.items()),
    )
    yield ""
    yield (
        "The second half is what a warm JVM does; for Kafka Streams the whole run is mostly"
        " its compiler at work."
    )
    yield from _void(section)


def _catch_up_row(name: str, entry: Figures) -> list[str]:
    events, emission = f"{entry['job']['events']:,}", entry["emission"]
    if entry["void"] or not entry["runs"]:
        return [entry["title"], events, emission, "", "**void**", "", "", "", ""]
    return [
        entry["title"],
        events,
        emission,
        _median(entry, "scores_per_event", "{:.2f}"),
        _ranged(entry, "events_per_cpu_second"),
        _ranged(entry, "second_half_events_per_cpu_second"),
        _median(entry, "events_per_second"),
        _median(entry, "peak_megabytes"),
        _median(entry, "changelog_bytes_per_event"),
    ]


def _void(section: Figures) -> Iterator[str]:
    for name, entry in section.items():
        if entry.get("void"):
            yield ""
            yield f"**{entry.get('title', name)}: void.** {entry['void'].splitlines()[0][:300]}"


def _bounds(section: Figures) -> Iterator[str]:
    yield "## What the clients can do at most"
    yield (
        "The same events read by Python's Kafka clients, without state and without output: nothing"
        " (bare), or decoded with fastavro."
    )
    yield ""
    yield from _table(
        ["client", "events per CPU second", "events per second"],
        (
            [name, _ranged(entry, "events_per_cpu_second"), _median(entry, "events_per_second")]
            for name, entry in section.items()
        ),
    )


# Live


def _latency(section: Figures) -> Iterator[str]:
    yield "## Latency"
    yield (
        "Milliseconds from before an event is sent until the score that has it in is read, 3,000"
        " tutors. Kafka Streams without linger here."
    )
    yield ""
    yield "![latency](benchmarks/latency.svg)"
    yield ""
    yield from _table(
        ["system", "events a second", "p50", "p90", "p99", "max"],
        (
            [TITLES.get(name, name), rate, *(_one(of[key]) for key in ("p50", "p90", "p99", "max"))]
            for name, entry in section.items()
            for rate, of in _rates(entry)
        ),
    )
    yield from _void(section)


TITLES = {"ours": "Tutor Quality", "kafka-streams": "Kafka Streams"}


def _rates(entry: Figures) -> Iterator[tuple[str, Figures]]:
    return ((rate, of) for rate, of in entry.items() if rate.isdigit())


def _row_latency(section: Figures) -> Iterator[str]:
    yield "## From event to row"
    yield "Milliseconds until a reader of Postgres sees the row that the event changed."
    yield ""
    yield from _table(
        ["events a second", "p50", "p99", "max"],
        (
            [rate, *(_one(of["row_ms"][key]) for key in ("p50", "p99", "max"))]
            for rate, of in section.items()
            if "row_ms" in of
        ),
    )


def _expiry(section: Figures) -> Iterator[str]:
    yield "## Expiry"
    yield (
        "Nothing arrives, only time passes: milliseconds from the instant at which a session leaves"
        " the 7 days until the score without it is read. The peers never say it: a rate changes"
        " with the tutor's next event only."
    )
    yield ""
    yield from _table(
        ["expiries", "p50", "p90", "p99", "max"],
        (
            [f"{of['events']:,}", *(_one(of[key]) for key in ("p50", "p90", "p99", "max"))]
            for of in section.values()
            if "p50" in of
        ),
    )
    yield from _void(section)


def _recovery(section: Figures) -> Iterator[str]:
    yield "## Recovery"
    yield (
        "Killed with the state of the whole job made; started on a new machine, so all state"
        " comes from the changelog; until every partition has answered an event again."
    )
    yield ""
    yield from _table(
        ["system", "events behind the state", "seconds", "CPU seconds", "peak MB"],
        (
            [
                TITLES.get(name, name),
                f"{of['events']:,}",
                _one(of["seconds"]),
                _one(of["cpu_seconds"]),
                f"{of['peak_megabytes']:,}",
            ]
            for name, of in section.items()
            if "seconds" in of
        ),
    )
    yield from _void(section)


def _sink(section: Figures) -> Iterator[str]:
    yield "## Sink"
    yield "Events, scores and risk changes of the smaller job into Postgres, which has other cores."
    yield ""
    yield from _table(
        [
            "rows",
            "rows per second",
            "rows per CPU second of the sink",
            "CPU seconds of the sink",
            "CPU seconds of Postgres",
            "us of Postgres per row",
        ],
        (
            [
                f"{of['rows']:,}",
                f"{of['rows_per_second']:,}",
                f"{of['rows_per_sink_cpu_second']:,}",
                _one(of["sink_cpu_seconds"]),
                _one(of["postgres_cpu_seconds"]),
                _one(of["postgres_us_per_row"]),
            ]
            for of in section.values()
            if "rows" in of
        ),
    )
    yield from _void(section)


# Growth


def _growth(section: Figures) -> Iterator[str]:
    yield "## How cost grows"
    yield "![growth](benchmarks/growth.svg)"
    yield ""
    good = {name: _without_void(entry) for name, entry in section.items()}
    base = spread.of_runs(_values(next(iter(good.values())), "events_per_cpu_second"))["median"]
    yield from _table(
        ["step", "events per CPU second", "cost", "events per second", "scores", "bytes", "why"],
        (
            [
                name,
                _ranged(entry, "events_per_cpu_second"),
                f"{base / _middle(entry, 'events_per_cpu_second'):.2f}",
                _median(entry, "events_per_second"),
                _median(entry, "scores_per_event", "{:.2f}"),
                _median(entry, "changelog_bytes_per_event"),
                entry["why"],
            ]
            for name, entry in good.items()
            if entry["runs"]
        ),
    )
    yield ""
    yield (
        "Cost is that of an event against the first line; scores and bytes of changelog are per"
        " event. Each line changes one thing of the first. Windows of a year are made by letting"
        " time pass four times as fast."
    )
    for name, entry in section.items():
        for run in entry["runs"]:
            if "void" in run:
                yield f"\n**{name}: void.** {run['void'].splitlines()[0][:300]}"


def _without_void(entry: Figures) -> Figures:
    return {**entry, "runs": [run for run in entry["runs"] if "void" not in run]}


SECTIONS: dict[str, Callable[[Figures], Iterator[str]]] = {
    "catch-up": _catch_up,
    "bounds": _bounds,
    "latency": _latency,
    "row-latency": _row_latency,
    "expiry": _expiry,
    "recovery": _recovery,
    "sink": _sink,
    "growth": _growth,
}


# Where a peer is better


def _lost(measured: Results) -> Iterator[str]:
    yield from _lost_catch_up(measured.get("catch-up", {}))
    latency = measured.get("latency", {})
    for rate, ours in _rates(latency.get(OURS, {})):
        for name, entry in latency.items():
            for share in ("p50", "p99"):
                if name != OURS and entry.get(rate, ours)[share] < ours[share]:
                    yield (
                        f"Latency at {rate} events/s, {share}: {TITLES[name]}"
                        f" {_one(entry[rate][share])} ms, ours {_one(ours[share])} ms."
                    )
    recovery = {n: of for n, of in measured.get("recovery", {}).items() if "seconds" in of}
    for name, of in recovery.items():
        for key, what in (("seconds", "seconds"), ("peak_megabytes", "MB at most")):
            if OURS in recovery and of[key] < recovery[OURS][key]:
                yield (
                    f"Recovery: {TITLES[name]} {_one(of[key])} {what},"
                    f" ours {_one(recovery[OURS][key])}."
                )


COMPARED = (
    ("events_per_cpu_second", "events per CPU second", 1),
    ("second_half_events_per_cpu_second", "events per CPU second in the second half", 1),
    ("peak_megabytes", "MB of memory at most", -1),
    ("changelog_bytes_per_event", "bytes of changelog per event", -1),
)
"""Key, what it is, and whether more (1) or less (-1) is better."""


def _lost_catch_up(section: Figures) -> Iterator[str]:
    """Against whoever had the same job."""
    good = {name: of for name, of in section.items() if of["runs"] and not of["void"]}
    for name, entry in good.items():
        same = [n for n in good if n.startswith(OURS) and good[n]["job"] == entry["job"]]
        if name.startswith(OURS) or not same:
            continue
        for key, what, sign in COMPARED:
            ours, theirs = _middle(good[same[0]], key), _middle(entry, key)
            if sign * theirs > sign * ours:
                yield (
                    f"Catch-up of {entry['job']['events']:,} events, {what}: {entry['title']}"
                    f" {_one(theirs)}, ours {_one(ours)}."
                )


# Charts


def _charts(measured: Results) -> Iterator[tuple[str, str]]:
    if rows := list(_catch_up_bars(measured)):
        yield "catch-up", bars("Catch-up", "events per CPU second, whole run", rows)
    if rows := list(_latency_bars(measured.get("latency", {}))):
        yield "latency", bars("Event to readable score", "milliseconds, p50 and p99", rows)
    growth = measured.get("growth", {})
    if rows := [_median_bar(name, _without_void(of), ours=True) for name, of in growth.items()]:
        yield "growth", bars("How cost grows", "events per CPU second", rows)


def _catch_up_bars(measured: Results) -> Iterator[Bar]:
    for name, entry in measured.get("catch-up", {}).items():
        if entry["runs"] and not entry["void"]:
            ours = name.startswith(OURS)
            job = f" ({entry['job']['events'] / 1e6:g} M)"
            yield _median_bar(entry["title"] + job, entry, ours=ours)
            if not ours and name.startswith("kafka"):
                yield _median_bar("… second half", entry, "second_half_events_per_cpu_second")
    for name, entry in measured.get("bounds", {}).items():
        if name.endswith("decode"):
            yield _median_bar(f"{name.split()[0]} + fastavro, no state", entry)


def _median_bar(
    label: str, entry: Figures, key: str = "events_per_cpu_second", *, ours: bool = False
) -> Bar:
    of = spread.of_runs(_values(entry, key) or [0])
    return Bar(label, of["median"], of["least"], of["most"], ours)


def _latency_bars(section: Figures) -> Iterator[Bar]:
    for rate in sorted({rate for entry in section.values() for rate, _ in _rates(entry)}, key=int):
        for name, entry in section.items():
            for share in ("p50", "p99"):
                if rate in entry:
                    value = entry[rate][share]
                    label = f"{int(rate):,}/s, {TITLES.get(name, name)}, {share}"
                    yield Bar(label, value, value, value, name == OURS)


# Numbers and tables


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _values(entry: Figures, key: str) -> list[float]:
    return [run[key] for run in entry["runs"]]


def _middle(entry: Figures, key: str) -> float:
    return spread.of_runs(_values(entry, key))["median"]


def _median(entry: Figures, key: str, form: str = "{:,.0f}") -> str:
    return form.format(_middle(entry, key))


def _ranged(entry: Figures, key: str) -> str:
    of = spread.of_runs(_values(entry, key))
    if of["least"] == of["most"]:
        return f"{of['median']:,.0f}"
    return f"{of['median']:,.0f} ({of['least']:,.0f} to {of['most']:,.0f})"


def _one(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:,.1f}"
