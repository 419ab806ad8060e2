"""The plots of a model card, as PNG: said against seen, precision against recall, lead bands."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 720)
LEFT, TOP, RIGHT, BOTTOM = 110, 120, 920, 620
INK, FAINT, LINE, MARK = "#1f2937", "#d1d5db", "#2563eb", "#dc2626"
TICKS = 5
RELIABILITY, PRECISION_RECALL, LEAD = "reliability.png", "precision_recall.png", "lead_bands.png"
Point = tuple[float, float]


def write_plots(folder: Path, test: Mapping[str, Any]) -> list[str]:
    """Names of the files written for the figures of a test set."""
    plots: dict[str, Callable[[Mapping[str, Any]], Image.Image]] = {
        RELIABILITY: _reliability,
        PRECISION_RECALL: _precision_recall,
        LEAD: _lead_bands,
    }
    for name, plot in plots.items():
        plot(test).save(folder / name, optimize=True)
    return list(plots)


class Chart:
    """A square of numbers from (0, 0) to `most` with labelled axes."""

    def __init__(self, title: str, x: str, y: str, most: Point = (1.0, 1.0)) -> None:
        self.image = Image.new("RGB", SIZE, "white")
        self._draw = ImageDraw.Draw(self.image)
        self._most = most
        self._text((LEFT, 24), title, 26)
        self._text((LEFT, SIZE[1] - 44), x, 18)
        self._text((LEFT, TOP - 20), y, 18, anchor="ld")
        self._grid()

    def line(self, points: Sequence[Point], colour: str, width: int = 3) -> None:
        self._draw.line([self._at(point) for point in points], fill=colour, width=width)

    def dots(self, points: Sequence[Point], colour: str) -> None:
        for point in points:
            x, y = self._at(point)
            self._draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)

    def bars(self, values: Sequence[tuple[str, float, str]]) -> None:
        """Name, height, and what is written above it; the x axis reaches to their number."""
        for place, (name, height, text) in enumerate(values):
            left, right = self._at((place + 0.2, 0)), self._at((place + 0.8, height))
            self._draw.rectangle((left[0], right[1], right[0], left[1]), fill=LINE)
            middle = (left[0] + right[0]) / 2
            self._text((middle, right[1] - 8), text, 16, anchor="md")
            self._text((middle, BOTTOM + 12), name, 16, anchor="ma")

    def x_ticks(self) -> None:
        for number in range(TICKS + 1):
            value = self._most[0] * number / TICKS
            x, y = self._at((value, 0))
            self._text((x, y + 12), f"{value:.2f}", 16, anchor="ma")

    def _grid(self) -> None:
        for number in range(TICKS + 1):
            value = self._most[1] * number / TICKS
            x, y = self._at((0, value))
            self._draw.line((x, y, RIGHT, y), fill=FAINT)
            self._text((x - 12, y), f"{value:.2f}", 16, anchor="rm")

    def _at(self, point: Point) -> Point:
        x, y = point[0] / self._most[0], point[1] / self._most[1]
        return LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP)

    def _text(self, at: Point, text: str, size: int, anchor: str = "la") -> None:
        font = ImageFont.load_default(size)
        self._draw.text(at, text, fill=INK, font=font, anchor=anchor)


def _reliability(test: Mapping[str, Any]) -> Image.Image:
    points = [(row["predicted"], row["observed"]) for row in test["reliability"]]
    most = _rounded(max(max(point) for point in points))
    chart = Chart(
        f"Said and seen: expected calibration error {test['ece']:.4f}",
        "predicted share, bins of equal mass",
        "observed share",
        (most, most),
    )
    chart.x_ticks()
    chart.line([(0, 0), (most, most)], FAINT)
    chart.line(points, LINE)
    chart.dots(points, LINE)
    return chart.image


def _precision_recall(test: Mapping[str, Any]) -> Image.Image:
    share = test["bad"] / test["n"]
    chart = Chart(
        f"Precision against recall: area {test['pr_auc']:.4f}, by chance {share:.4f}",
        "recall: share of the bad endings that are found",
        "precision: share of the found that are bad",
    )
    chart.x_ticks()
    chart.line([(0, share), (1, share)], MARK)
    chart.line([(recall, precision) for recall, precision in test["precision_recall"]], LINE)
    return chart.image


def _lead_bands(test: Mapping[str, Any]) -> Image.Image:
    bands = [
        (name, found["log_loss"], f"n {found['n']:,}")
        for name, found in test["by_lead_band"].items()
    ]
    most = _rounded(1.1 * max((height for _, height, _ in bands), default=1.0))
    chart = Chart(
        "Log loss by time from the look to the start", "", "nats", (max(len(bands), 1), most)
    )
    chart.bars(bands)
    return chart.image


def _rounded(most: float) -> float:
    """The next tenth, so that ticks are short numbers."""
    return max(ceil(most * 10) / 10, 0.1)
