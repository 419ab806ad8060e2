"""python -m tutor_quality.cli COMMAND: the same as `tq COMMAND`."""

from tutor_quality.cli import main

if __name__ == "__main__":
    main()
