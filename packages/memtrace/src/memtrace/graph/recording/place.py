"""Where a trace is to be written: its folder is made, and what is in the way is told."""

from __future__ import annotations

import os
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["make_place"]


def make_place(path: Path) -> None:
    """Make the folder of a trace.

    Raises:
        UserError: If no file can be written there.
    """
    if path.is_dir():
        raise UserError(f"{path}: expected the path of a trace file; this is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot make its folder: {error}; choose another path") from None
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"{path}: you may not write here; choose another path")
