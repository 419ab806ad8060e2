"""CSV for spreadsheets."""

import csv
import io
from datetime import UTC, datetime

import pytest

from api import tables


def cell(value: object) -> str:
    written = tables.lines(["column"], [{"column": value}]).decode()
    ((text,),) = csv.reader(io.StringIO(written, newline=""))
    return text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ada", "a=b", 'say "hi"', "a,b", "a\nb", "Ærøskøbing", ""])
def test_other_text_comes_back_as_it_was(text: str) -> None:
    assert cell(text) == text


def test_numbers_stay_numbers_and_null_is_not_zero() -> None:
    assert [cell(value) for value in (-1.5, 0.0, None, True)] == ["-1.5", "0.0", "", "true"]


def test_times_are_utc_to_the_millisecond() -> None:
    assert cell(datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=UTC)) == "2026-03-01T12:00:00.005Z"
