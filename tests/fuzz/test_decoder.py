from tests.fuzz.decoder import campaign

INPUTS = 100_000


def test_the_decoders_agree_on_hostile_bytes_and_accept_only_what_is_legal() -> None:
    tried = campaign(INPUTS, seed=20261122)

    assert tried.inputs == INPUTS
    assert INPUTS * 0.2 < tried.accepted < INPUTS * 0.8, (
        "the inputs are too tame or too wild to tell"
    )
