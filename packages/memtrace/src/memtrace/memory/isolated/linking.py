"""Lending this memtrace and this lmcommon to a worker, however they are installed here.

The folder a package lies in may hold everything else too (site-packages), and must not be on the
worker's path. So the worker's path holds a folder with two links, and nothing more.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import lmcommon
from lmcommon.errors import UserError

__all__ = ["lent_packages", "our_version"]


def our_version() -> str:
    """The version of this memtrace. (The package's front imports this room, not the reverse.)"""
    return str(sys.modules["memtrace"].__version__)


def lent_packages(root: Path) -> Path:
    """A folder with links to the two packages, made if need be.

    Args:
        root: Where such folders lie.
    """
    homes = {"memtrace": _home(__file__, 2), "lmcommon": _home(str(lmcommon.__file__), 0)}
    digest = hashlib.sha256("\n".join(map(str, homes.values())).encode()).hexdigest()[:12]
    folder = root / f"lent-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, home in homes.items():
        link = folder / name
        if link.is_symlink() and Path(os.readlink(link)) == home:
            continue
        with suppress(FileExistsError):  # another process was faster
            link.symlink_to(home, target_is_directory=True)
    return folder


def _home(file: str, above: int) -> Path:
    """The folder of a package, from a file in it."""
    home = Path(file).resolve().parents[above]
    if not home.is_dir():
        raise UserError(
            f"expected a package that lies in a folder, to lend it to a worker; got {file!r}; "
            "install it unpacked"
        )
    return home
