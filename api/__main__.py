"""`python -m api`: serves until SIGTERM or SIGINT, then finishes what it has begun."""

import gc
import logging
import sys
from types import FrameType

import uvicorn

from api.app import create_app
from api.header_deadline import HeaderDeadlineProtocol
from tutor_quality.errors import ConfigurationError
from tutor_quality.settings import Settings

DRAIN_SECONDS = 5
KEEP_ALIVE_SECONDS = 30
MISUSED = 2


class Server(uvicorn.Server):
    """Ends the open streams when asked to stop: they would hold it up to the last second."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.config.app.state.services.live.end()  # type: ignore[union-attr]  # create_app's


def main() -> None:
    settings = Settings()
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    try:
        app = create_app(settings)
    except ConfigurationError as error:
        print(f"api: {error}", file=sys.stderr)  # noqa: T201  # the one thing to say
        sys.exit(MISUSED)
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=HeaderDeadlineProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    # What stands now stands until the end: looking through it for garbage would stop every request
    # for tens of milliseconds.
    gc.collect()
    gc.freeze()
    Server(config).run()


if __name__ == "__main__":
    main()
