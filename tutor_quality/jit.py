"""Functions compiled to machine code by numba: how they are marked, and where the result is kept.

A compiled function takes numbers and numpy arrays only. It is compiled when it is first called with
arguments of some types, which takes seconds; programs call `keep_in` and then every entry once
before they start their work, so that nothing is ever compiled in the middle of a stream.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numba
from numba.core import config
from numba.core.caching import NullCache

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = {"_nrt": False}
"""No array is made in compiled code, so nothing needs to count references to arrays: that doubles
the speed and halves the time to compile."""

ENTRIES: list[Any] = []
"""The functions that are called from Python; they hold the machine code of all that they call."""


def compiled(function: F) -> F:
    """Decorates what only compiled functions call."""
    made: F = numba.njit(**OPTIONS)(function)
    return made


def entry(function: Callable[..., Any]) -> Any:
    """Decorates what Python calls."""
    made = numba.njit(**OPTIONS)(function)
    ENTRIES.append(made)
    return made


def keep_in(*folders: Path) -> Path | None:
    """Keep machine code in the first of the folders that can be written; returns which.

    The name of the folder within holds every source that the code was made of: numba itself would
    only notice a change in the file of the function, not in what that imports.
    """
    for folder in folders:
        kept = folder / _fingerprint()
        try:
            kept.mkdir(parents=True, exist_ok=True)
            config.CACHE_DIR = str(kept)
            for function in ENTRIES:
                function.enable_caching()
        except (OSError, RuntimeError):
            continue
        return kept
    return None


def is_kept() -> bool:
    """Whether the machine code of every entry is on disk."""
    if config.CACHE_DIR is None or not ENTRIES:
        return False
    return len([*Path(config.CACHE_DIR).rglob("*.nbi")]) >= len(ENTRIES)


def freeze() -> None:
    """From now on a call with arguments of new types raises TypeError instead of compiling."""
    for function in ENTRIES:
        function.disable_compile()


@contextmanager
def made_anew(module: ModuleType) -> Iterator[None]:
    """Compile the functions of a module again, off the disk, and once more afterwards.

    For tests that change the source of a function: machine code holds what its function called
    when it was compiled.
    """
    functions = [one for one in vars(module).values() if hasattr(one, "py_func")]
    caches = [function._cache for function in functions]
    for function in functions:
        function._reset_overloads()
        function._cache = NullCache()
    try:
        yield
    finally:
        for function, cache in zip(functions, caches, strict=True):
            function._reset_overloads()
            function._cache = cache


def _fingerprint() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    folders = {Path(inspect.getfile(function.py_func)).parent for function in ENTRIES}
    for folder in sorted(folders):
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
