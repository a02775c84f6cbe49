"""The modules of the package `everos`, imported once, quietly.

In: an environment that has everos. Out: its modules by short names. EverOS keeps its state in
module globals, so the names matter: what is replaced must be replaced where it is looked up.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from lmcommon.errors import UserError

__all__ = ["VERSIONS", "has_everos", "module", "quiet", "record_width"]

VERSIONS = ("1.5.",)
"""Lines of everos whose names this room knows."""

_SMALLEST_WIDTH = 1024
"""Width of a vector column at least; narrower vectors are filled with zeros, which changes no
cosine. The width is fixed while everos is imported, so one process has one."""

_width = 0


def has_everos() -> bool:
    """Whether the package can be imported here. Imports nothing."""
    found = find_spec("everos")
    return found is not None and found.origin is not None  # a folder of that name is no package


def record_width(least: int) -> int:
    """The width of the vector columns, decided by the first embedder of the process.

    Raises:
        UserError: A later embedder is wider.
    """
    global _width
    if not _width:
        _width = max(_SMALLEST_WIDTH, least)
        before = os.environ.get("EVEROS_EMBEDDING__DIM")
        os.environ["EVEROS_EMBEDDING__DIM"] = str(_width)
        try:
            module("everos.infra.persistence.index")
        finally:
            if before is None:
                del os.environ["EVEROS_EMBEDDING__DIM"]
            else:
                os.environ["EVEROS_EMBEDDING__DIM"] = before
    if least > _width:
        raise UserError(
            f"everos: expected vectors of at most {_width} numbers, the width that its tables got "
            f"from the first embedder of this process; got {least}; use isolation=always"
        )
    return _width


@cache
def module(name: str) -> Any:
    """A module of everos or everalgo.

    Raises:
        UserError: Everos is not here, or is a version this room does not know.
    """
    _check()
    with quiet():
        return import_module(name)


@contextmanager
def quiet() -> Iterator[None]:
    """Let the warnings of other people's code pass: they are theirs to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _check() -> None:
    if not has_everos():
        raise UserError(
            "everos cannot be imported here: expected Python 3.12 or 3.13 with the package everos "
            "(pip install 'everos==1.5.1'); use memory.isolation=auto to run it in an environment "
            "of its own"
        )
    with quiet():
        everos: ModuleType = import_module("everos")
        structlog: Any = import_module("structlog")
    version = str(everos.__version__)
    if not version.startswith(VERSIONS):
        raise UserError(
            f"everos: expected version {' or '.join(one + 'x' for one in VERSIONS)}; got {version}"
        )
    logging.getLogger("jieba").setLevel(logging.WARNING)
    if not structlog.is_configured():  # its default prints every step to the standard output
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
