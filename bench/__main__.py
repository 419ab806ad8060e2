"""Job W side by side; see docs/benchmarks.md.

python -m bench quick     ours and the bounds of its clients, in less than three minutes
"""

import argparse

from bench.quick import quick


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    commands.add_parser("quick").set_defaults(run=lambda asked: quick())
    asked = parser.parse_args()
    asked.run(asked)


if __name__ == "__main__":
    main()
