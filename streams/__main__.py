"""python -m streams STAGE: run one stage until SIGTERM or SIGINT."""

import sys
from functools import partial

from mode.loop import use

from tutor_quality.errors import TutorQualityError
from tutor_quality.settings import Settings


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m streams STAGE")
    use("uvloop")
    from streams.compiled import prepare
    from streams.wiring import run

    try:
        settings = Settings()
        prepare(settings, partial(print, file=sys.stderr))
        run(sys.argv[1], settings)
    except TutorQualityError as error:
        sys.exit(f"streams {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
