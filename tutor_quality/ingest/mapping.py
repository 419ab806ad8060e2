"""A mapping file: how the rows of a CSV become session events or matches.

The contract is `mapping.schema.json` beside this module; `docs/mappings.md` explains it.
"""

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from tutor_quality.domain.sessions import EventType, InitiatorName
from tutor_quality.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Const:
    """Stands where a column could: every row has this text."""

    text: str


Cell = str | Const
"""Where a role's text comes from: the column of that name, or a constant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one value of the outcome column says; event None = the slot is still open."""

    event: EventType | None
    initiator: InitiatorName | None = None
    new_start: str | None = None
    """Column with the start of the new slot."""


@dataclass(frozen=True, slots=True)
class Label:
    """Outcome values that are bad, and those that hide whether the slot would have been."""

    bad: frozenset[str] = frozenset()
    censored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What both kinds have."""

    path: Path
    name: str
    columns: dict[str, Cell]
    """By role."""
    context: dict[str, str] = field(default_factory=dict)
    """Column -> number or category."""
    timezone: ZoneInfo
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsMapping(Mapping):
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    label: Label = Label()

    def named_columns(self) -> set[str]:
        """Every column that the file must have."""
        moves = {outcome.new_start for outcome in self.outcomes.values() if outcome.new_start}
        return _columns(self) | moves


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOfMatches:
    file: str
    """As written; looked for beside the matches file, then beside the mapping."""
    map: SessionsMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchesMapping(Mapping):
    sessions: SessionsOfMatches | None = None

    def named_columns(self) -> set[str]:
        """Every column that the file must have."""
        return _columns(self)


AnyMapping = SessionsMapping | MatchesMapping


def _columns(mapping: Mapping) -> set[str]:
    return {cell for cell in mapping.columns.values() if isinstance(cell, str)} | set(
        mapping.context
    )


def load_mapping(path: Path) -> AnyMapping:
    """Raises InvalidInput, naming the file and the key that is wrong."""
    document = _document(path)
    _refuse_what_breaks_the_schema(path, document)
    common = {
        "path": path,
        "name": document["name"],
        "columns": {role: _cell(value) for role, value in document["columns"].items()},
        "context": {name: how["type"] for name, how in document.get("context", {}).items()},
        "timezone": _timezone(path, document.get("timezone", "UTC")),
        "formats": tuple(document.get("formats", ())),
    }
    if document.get("kind") == "matches":
        return MatchesMapping(**common, sessions=_sessions(path, document))
    outcomes = {value: _outcome(how) for value, how in document.get("outcomes", {}).items()}
    label = _label(path, document.get("label", {}), set(outcomes))
    return SessionsMapping(**common, outcomes=outcomes, label=label)


def load_sessions_mapping(path: Path) -> SessionsMapping:
    mapping = load_mapping(path)
    if not isinstance(mapping, SessionsMapping):
        raise InvalidInput(f"{path}: kind: a mapping of sessions is needed here, not of matches")
    return mapping


class _TextLoader(yaml.BaseLoader):
    """Every scalar is text, as the cells are: `no:` is the word no, not false."""


def _unique_keys(loader: yaml.BaseLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    keys = [key.value for key, _ in node.value]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            line = node.value[number][0].start_mark.line + 1
            raise InvalidInput(f"line {line}: the key {key!r} stands there twice")
    return loader.construct_mapping(node, deep=True)


_TextLoader.add_constructor("tag:yaml.org,2002:map", _unique_keys)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text("utf-8-sig"), _TextLoader)  # noqa: S506 - text only
    except OSError as error:
        raise InvalidInput(f"{path}: cannot read this mapping: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise InvalidInput(f"{path}: not YAML: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path}: a mapping has keys such as name and columns; this has none")
    return document


@cache
def _validator() -> Draft202012Validator:
    text = resources.files(__package__).joinpath("mapping.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def _refuse_what_breaks_the_schema(path: Path, document: dict[str, Any]) -> None:
    errors = list(_validator().iter_errors(document))
    if errors:
        # A misspelt key is also a missing one: the spelling says more.
        worst = max(errors, key=lambda e: (e.validator == "additionalProperties", relevance(e)))
        raise InvalidInput(f"{path}: {_explain(worst)}")


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    match error.validator:
        case "additionalProperties":
            known = cast(dict[str, Any], error.schema)["properties"]
            unknown = sorted(set(cast(dict[str, Any], error.instance)) - set(known))
            return f"{where}: unknown key {unknown[0]!r}; known are {', '.join(known)}"
        case "anyOf":
            return f"{where}: needs student_id or match_id"
        case "oneOf":
            return f"{where}: needs the name of a column or {{const: value}}"
        case "maxProperties":
            return f"{where}: needs columns.outcome and columns.outcome_at"
        case None:
            return f"{where}: makes no sense for this event"
        case _:
            return f"{where}: {error.message}"


def _cell(value: str | dict[str, str]) -> Cell:
    return Const(value["const"]) if isinstance(value, dict) else value


def _outcome(how: dict[str, str]) -> Outcome:
    event = None if how["event"] == "none" else EventType(how["event"])
    initiator = InitiatorName(how["initiator"]) if "initiator" in how else None
    return Outcome(event, initiator, how.get("new_start"))


def _label(path: Path, label: dict[str, list[str]], values: set[str]) -> Label:
    bad, censored = frozenset(label.get("bad", ())), frozenset(label.get("censored", ()))
    for value in sorted((bad | censored) - values):
        raise InvalidInput(f"{path}: label: {value!r} is not a value under outcomes")
    for value in sorted(bad & censored):
        raise InvalidInput(f"{path}: label: {value!r} is both bad and censored")
    return Label(bad, censored)


def _timezone(path: Path, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{path}: timezone: {name!r} is not an IANA zone such as Europe/Vienna"
        raise InvalidInput(message) from error


def _sessions(path: Path, document: dict[str, Any]) -> SessionsOfMatches | None:
    sessions = document.get("sessions")
    if sessions is None:
        return None
    mapping = load_sessions_mapping(path.parent / sessions["map"])
    if mapping.name != document["name"]:
        raise InvalidInput(
            f"{mapping.path}: name: is {mapping.name!r} but {document['name']!r} in {path};"
            " ids of the same people would differ"
        )
    return SessionsOfMatches(file=sessions["file"], map=mapping)
