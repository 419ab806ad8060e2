"""Random records of any of our schemas, for tests of the codec."""

from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
PLAIN: dict[tuple[str, str | None], st.SearchStrategy[Any]] = {
    ("boolean", None): st.booleans(),
    ("int", None): st.integers(-(2**31), 2**31 - 1),
    ("long", None): st.integers(-(2**63), 2**63 - 1),
    ("bytes", None): st.binary(max_size=40),
    ("double", None): st.floats(allow_nan=False, allow_infinity=False),
    ("string", None): TEXTS,
    ("string", "uuid"): st.uuids().map(str),
    ("long", "timestamp-millis"): st.integers(-62_135_596_800_000, 253_402_300_799_999),
}


def values(schema: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """`named`: named types met so far in the schema."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([st.none() if b == "null" else values(b, named) for b in schema])
    if isinstance(schema, str):
        return values(named.get(schema, {"type": schema}), named)
    if isinstance(schema["type"], dict):
        return values(schema["type"], named)
    if schema["type"] in named:
        return values(named[schema["type"]], named)
    if schema["type"] == "array":
        return st.lists(values(schema["items"], named), max_size=4)
    if schema["type"] == "enum":
        named[schema["name"]] = schema
        return st.sampled_from(schema["symbols"])
    if schema["type"] == "record":
        named[schema["name"]] = schema
        return st.fixed_dictionaries(
            {field["name"]: values(field["type"], named) for field in schema["fields"]}
        )
    return PLAIN[schema["type"], schema.get("logicalType")]
