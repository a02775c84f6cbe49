"""Lending this memtrace and this lmcommon to a worker, however they are installed here.

The folder a package lies in may hold everything else too (site-packages), and must not be on the
worker's path. So the worker's path holds a folder with two links, and nothing more.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import lmcommon
import memtrace
from lmcommon.errors import UserError

__all__ = ["lent_packages"]


def lent_packages(root: Path) -> Path:
    """A folder with links to the two packages, made if need be.

    Args:
        root: Where such folders lie.
    """
    homes = {"memtrace": _home(memtrace), "lmcommon": _home(lmcommon)}
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


def _home(package: object) -> Path:
    home = Path(str(getattr(package, "__file__", ""))).parent.resolve()
    if not home.is_dir():
        raise UserError(
            f"expected a package that lies in a folder, to lend it to a worker; got {package!r}; "
            "install it unpacked"
        )
    return home
