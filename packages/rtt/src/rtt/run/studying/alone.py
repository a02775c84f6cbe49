"""One job at a time works on a folder that several share.

In: the folder. Out: a `with` block that no other process is in for the same folder; who comes later
waits, and then finds what the first one finished. A killed process leaves no lock behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmcommon.extras import require

__all__ = ["alone_in"]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else is in it.

    Example:
        `with alone_in(arm): train(arm)`
    """
    folder.mkdir(parents=True, exist_ok=True)
    filelock = require("filelock", extra="lmcommon[hf]")
    with filelock.FileLock(folder / ".lock"):
        yield
