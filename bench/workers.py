"""Several score workers as one process tree: python -m bench.workers 2"""

import signal
import subprocess
import sys

from tutor_quality.settings import inherited_environment


def main() -> None:
    """Ends when all of them have; a signal to stop is passed on."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "streams", "score"],
            env={**inherited_environment(), "TQ_WORKER_SLOT": str(slot)},
        )
        for slot in range(int(sys.argv[1]))
    ]

    def stop(number: int, frame: object) -> None:
        for worker in workers:
            worker.terminate()

    signal.signal(signal.SIGTERM, stop)
    for worker in workers:
        worker.wait()


if __name__ == "__main__":
    main()
