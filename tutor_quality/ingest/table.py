"""A CSV file as rows of text, plain or gzip-compressed; errors name file, row and column."""

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zlib import error as ZlibError  # noqa: N812 - it is a class

from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.cells import Unparsable
from tutor_quality.ingest.mapping import Cell, Const

if TYPE_CHECKING:
    from _csv import Reader

T = TypeVar("T")

LONGEST_CELL = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    """In the file, counted from 1, the header being 1."""
    cells: list[str]


@dataclass(slots=True)
class Table:
    """An open file: its header is read, its rows are not."""

    path: Path
    header: list[str]
    rows: Iterator[Row]

    def require(self, columns: set[str], mapping: Path) -> None:
        missing = sorted(columns - set(self.header))
        if missing:
            raise InvalidInput(
                f"{self.path}: row 1: no column {missing[0]!r}, which {mapping} names;"
                f" there are {', '.join(self.header)}"
            )
        doubled = sorted(name for name in columns if self.header.count(name) > 1)
        if doubled:
            raise InvalidInput(f"{self.path}: row 1: there are two columns {doubled[0]!r}")

    def reader(self, cell: Cell, parse: Callable[[str], T]) -> Callable[[Row], T]:
        """Takes the value of a column, or of a constant, from a row."""
        if isinstance(cell, Const):
            return self._constant(cell, parse)
        column = self.header.index(cell)

        def read(row: Row) -> T:
            try:
                return parse(_text(row.cells[column]))
            except Unparsable as error:
                raise self.refusal(row, cell, f"{row.cells[column]!r}: {error}") from None

        return read

    def optional(self, cell: Cell | None, parse: Callable[[str], T]) -> Callable[[Row], T | None]:
        """The same, but None for every row when the mapping does not name the role."""
        return _nothing if cell is None else self.reader(cell, parse)

    def _constant(self, const: Const, parse: Callable[[str], T]) -> Callable[[Row], T]:
        try:
            value = parse(const.text)
        except Unparsable as error:
            raise InvalidInput(f"the constant {const.text!r} in the mapping: {error}") from None
        return lambda _row: value

    def refusal(self, row: Row, column: str, why: str) -> InvalidInput:
        return InvalidInput(f"{self.path}: row {row.line}, column {column}: {why}")


def _text(cell: str) -> str:
    if "\0" in cell:
        raise Unparsable("contains a NUL character, which databases cannot keep")
    return cell


def _nothing(_row: Row) -> None:
    return None


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Raises InvalidInput when the file cannot be read as CSV, also later while it is read."""
    try:
        with _open(path) as lines:
            csv.field_size_limit(LONGEST_CELL)
            reader = csv.reader(lines, strict=True)
            header = _header(path, reader)
            yield Table(path, header, _rows(path, reader, len(header)))
    except OSError as error:
        raise InvalidInput(f"{path}: cannot read: {error.strerror or error}") from error
    except (EOFError, ZlibError) as error:
        raise InvalidInput(f"{path}: damaged gzip file: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8: byte {error.object[error.start]:#x}") from error


def _open(path: Path) -> TextIOWrapper:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    opener = gzip.open if packed else open
    return TextIOWrapper(opener(path, "rb"), "utf-8-sig", newline="")


def _header(path: Path, reader: "Reader") -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise InvalidInput(f"{path}: row 1: {error}") from error
    if not header:
        raise InvalidInput(f"{path}: row 1: the first row must name the columns; it is empty")
    return header


def _rows(path: Path, reader: "Reader", width: int) -> Iterator[Row]:
    line = 2
    try:
        for cells in reader:
            if len(cells) == width:
                yield Row(line, cells)
            elif cells:
                raise InvalidInput(
                    f"{path}: row {line}: {len(cells)} cells, but the header names {width} columns"
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{path}: row {line}: {error}") from error
