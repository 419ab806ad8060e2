from pathlib import Path

import pytest
from pydantic import SecretStr

from tutor_quality.errors import ConfigurationError
from tutor_quality.local.connections import connections
from tutor_quality.local.home import Home, Run
from tutor_quality.settings import Settings

ELSEWHERE = "postgresql://me:secret@db.example:5432/mine"


def settings(tmp_path: Path, **named: object) -> Settings:
    """Only `named` differs from the defaults, whatever the environment says."""
    blank: dict[str, object] = {"kafka_bootstrap": None, "database_url": None, "api_pepper": None}
    return Settings.model_validate({"data_dir": tmp_path} | blank | named)


def test_without_a_stack_the_user_is_told_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tq up"):
        connections(settings(tmp_path))


def test_the_memory_of_a_stopped_stack_is_not_used(tmp_path: Path) -> None:
    Home(tmp_path).write_run(Run(ports={"kafka": 1, "postgres": 2}))
    with pytest.raises(ConfigurationError, match="tq up"):
        connections(settings(tmp_path))


def test_a_running_stack_says_where_its_parts_are(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.locked():
        home.write_run(Run(ports={"kafka": 11, "postgres": 22}, api_url="http://127.0.0.1:33"))
        known = connections(settings(tmp_path))
    secrets = home.secrets()
    assert known.kafka_bootstrap == "127.0.0.1:11"
    assert known.database_url == (
        f"postgresql://tq:{secrets.postgres_password}@127.0.0.1:22/tutor_quality"
    )
    assert known.api_url == "http://127.0.0.1:33"
    assert known.api_pepper == secrets.api_pepper


def test_settings_count_more_than_a_running_stack(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.locked():
        home.write_run(Run(ports={"kafka": 11, "postgres": 22}))
        external = {"kafka_bootstrap": "k.example:9092", "database_url": SecretStr(ELSEWHERE)}
        known = connections(settings(tmp_path, **external))
    assert (known.kafka_bootstrap, known.database_url) == ("k.example:9092", ELSEWHERE)


def test_external_parts_need_the_pepper_of_their_api(tmp_path: Path) -> None:
    external = {"kafka_bootstrap": "k.example:9092", "database_url": SecretStr(ELSEWHERE)}
    known = connections(settings(tmp_path, **external))
    with pytest.raises(ConfigurationError, match="TQ_API_PEPPER"):
        _ = known.api_pepper
    assert connections(settings(tmp_path, **external, api_pepper="p")).api_pepper == "p"


def test_a_password_is_not_shown_by_accident(tmp_path: Path) -> None:
    external = {"kafka_bootstrap": "k.example:9092", "database_url": SecretStr(ELSEWHERE)}
    known = connections(settings(tmp_path, **external, api_pepper="very secret"))
    assert "secret" not in repr(known)
