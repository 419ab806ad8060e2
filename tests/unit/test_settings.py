"""Settings and their documentation are one."""

from pathlib import Path

from tutor_quality.settings import Settings, example

ROOT = Path(__file__).parents[2]


def test_every_setting_is_in_the_example_file_as_it_is_in_the_code() -> None:
    assert (ROOT / ".env.example").read_text() == example(), "run `make format`"


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())
