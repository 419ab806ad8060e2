"""What every command of tq has in common."""

import sys
from pathlib import Path

import pytest

from tutor_quality.cli import FAILED, MISUSED, main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["tq", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_what_the_machine_refuses_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    beside = tmp_path / "file"
    beside.touch()
    assert call(monkeypatch, "simulate", "--events", "10", "--out", str(beside / "x")) == FAILED
    said = capsys.readouterr().err.strip()
    assert said.startswith("tq simulate: ") and "Not a directory" in said and "\n" not in said


def test_an_unknown_command_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "frob") == MISUSED
    assert "no command 'frob'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--input", "there", "--map", "nowhere"], MISUSED, "does not exist"),
        (["--input", "there"], FAILED, "go together"),
    ],
)
def test_nothing_is_started_for_an_input_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQ_DATA_DIR", str(tmp_path / "stack"))
    (tmp_path / "there").touch()
    assert call(monkeypatch, "up", *arguments) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "stack").exists()


def test_nothing_is_verified_as_of_an_instant_that_is_still_to_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "verify", "--as-of", "2198-01-01T00:00:00Z") == FAILED
    said = capsys.readouterr()
    assert "lies in the future" in said.err and said.out == ""
