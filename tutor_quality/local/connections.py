"""Where the parts of the running stack are: every command that talks to them asks here."""

from dataclasses import dataclass, field

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import ports, postgres
from tutor_quality.local.home import Home, Run
from tutor_quality.settings import Settings


@dataclass(frozen=True, slots=True)
class Connections:
    kafka_bootstrap: str
    database_url: str = field(repr=False)
    api_url: str
    _pepper: str | None = field(repr=False)

    @property
    def api_pepper(self) -> str:
        """Raises ConfigurationError if the parts are external and it was not set."""
        if self._pepper is None:
            raise ConfigurationError("set TQ_API_PEPPER to the one that the API runs with")
        return self._pepper


def connections(settings: Settings) -> Connections:
    """What the settings name, else the embedded stack of the data folder.

    Raises ConfigurationError if something is named by neither.
    """
    home = Home(settings.data_dir)
    run = home.read_run() if home.is_locked() else None
    return Connections(
        kafka_bootstrap=settings.kafka_bootstrap or _kafka(home, run),
        database_url=_external_database(settings) or _database(home, run),
        api_url=_api(settings, run),
        _pepper=_pepper(settings, home, run),
    )


def _external_database(settings: Settings) -> str | None:
    return settings.database_url.get_secret_value() if settings.database_url else None


def _kafka(home: Home, run: Run | None) -> str:
    return f"{ports.LOOPBACK}:{_port(home, run, 'kafka')}"


def _database(home: Home, run: Run | None) -> str:
    port = _port(home, run, "postgres")
    return postgres.url(port, home.secrets().postgres_password)


def _api(settings: Settings, run: Run | None) -> str:
    if run is not None and run.api_url is not None:
        return run.api_url
    return f"http://{settings.api_host}:{settings.api_port}"


def _pepper(settings: Settings, home: Home, run: Run | None) -> str | None:
    if settings.api_pepper is not None:
        return settings.api_pepper.get_secret_value()
    return home.secrets().api_pepper if run is not None else None


def _port(home: Home, run: Run | None, name: str) -> int:
    if run is None or name not in run.ports:
        raise ConfigurationError(
            f"no stack runs in {home.path}: start it with `tq up` first, or set "
            "TQ_KAFKA_BOOTSTRAP and TQ_DATABASE_URL to use parts that run elsewhere"
        )
    return run.ports[name]
