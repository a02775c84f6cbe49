"""Whether a file may be written here: an export replaces what is there, so never a trace.

In: the path a user named. Out: that path, or a `UserError` that says what is in the way.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["checked_target", "is_address"]

_SQLITE = b"SQLite format 3\0"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def is_address(target: str | Path) -> bool:
    """Whether this is the address of a receiver (http or https) and no path."""
    scheme = _SCHEME.match(str(target))
    return scheme is not None and scheme[1].lower() in ("http", "https")


def checked_target(target: str | Path) -> Path:
    """The path of a file that may be written, and replaced if it is there.

    Raises:
        UserError: For an address, a folder, a device or pipe, and for a trace: the one that is
            being read would be lost, and another most likely stands there by mistake.
    """
    if _SCHEME.match(str(target)):
        raise UserError(
            f"{target}: expected a path; got an address (only otlp is sent, to http:// or https://)"
        )
    path = Path(target)
    try:
        if path.is_dir():
            raise UserError(f"{path}: expected a file to write; there is a folder here")
        if not path.exists():
            return path
        if not path.is_file() or _is_stream(path):
            raise UserError(f"{path}: expected a file to write; there is a device or pipe here")
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise UserError(f"{path}: expected a file to write; {error.strerror}") from error
    if is_database:
        raise UserError(
            f"{path}: a trace or another database is here, and is not replaced; choose another path"
        )
    return path


def _is_stream(path: Path) -> bool:
    """Whether this is a name of an open file (/dev/stdout), which replacing would take away."""
    return path.is_symlink() and os.readlink(path).startswith("/proc/")
