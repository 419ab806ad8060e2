"""Horizontal bars as SVG, legible on light and on dark pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 760
LABELS = 250
VALUES = 110
BAR = 18
STEP = 30
TOP = 54
BOTTOM = 16
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1b1c20 }
.title { font-weight: 600; font-size: 15px }
.unit, .value { fill: #5c5f69 }
.page { fill: #ffffff; stroke: #e6e7eb }
.ours { fill: #4454c4 }
.other { fill: #b4b7c2 }
.range { stroke: #1b1c20; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e7e8eb }
  .unit, .value { fill: #9ca0aa }
  .page { fill: #16171a; stroke: #26282d }
  .ours { fill: #98a5ff }
  .other { fill: #5a5e69 }
  .range { stroke: #e7e8eb }
}"""


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    least: float
    most: float
    """The range of the runs."""
    ours: bool


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """A bar as long as its value, a line over it for the range."""
    height = TOP + STEP * len(rows) + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="unit" x="16" y="44">{escape(unit)}</text>',
    ]
    longest = max(row.most for row in rows)
    for number, row in enumerate(rows):
        lines += _bar(row, TOP + STEP * number, (WIDTH - LABELS - VALUES) / longest)
    return "\n".join([*lines, "</svg>", ""])


def _bar(row: Bar, top: int, scale: float) -> Iterator[str]:
    middle, text = top + BAR / 2, top + BAR - 4
    width = max(2.0, row.value * scale)
    yield f'<text x="{LABELS - 10}" y="{text}" text-anchor="end">{escape(row.label)}</text>'
    yield (
        f'<rect class="{"ours" if row.ours else "other"}" x="{LABELS}" y="{top}"'
        f' width="{width:.1f}" height="{BAR}" rx="2"/>'
    )
    least, most = LABELS + row.least * scale, LABELS + row.most * scale
    if row.most > row.least:
        yield f'<path class="range" d="M{least:.1f} {middle}H{most:.1f}"/>'
    end = max(LABELS + width, most) + 8
    yield f'<text class="value" x="{end:.1f}" y="{text}">{_number(row.value)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
