from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from streams.predict_outputs import derived_id


@given(namespace=st.uuids(), name=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_id_is_the_uuid5_of_the_standard(namespace: UUID, name: str) -> None:
    assert derived_id(namespace.bytes, name) == str(uuid5(namespace, name))
