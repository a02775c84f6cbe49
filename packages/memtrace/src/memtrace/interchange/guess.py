"""Which format a file is in, by looking into it."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["FORMATS", "guess_format"]

FORMATS = ("memtracebench", "otlp")
_LOOK_BYTES = 1 << 16
_SMARTCOMMENT = re.compile(rb'"(?:graph_id|driver_type|full_node_id|source_full_node_id)"\s*:')


def guess_format(path: Path) -> str:
    """`memtracebench` for what smartcomment wrote and for folders, `otlp` for anything else.

    Raises:
        UserError: If there is nothing to look into.
    """
    if path.is_dir():
        return "memtracebench"
    try:
        with path.open("rb") as file:
            head = file.read(_LOOK_BYTES)
    except OSError as error:
        raise UserError(f"{path}: expected a file to import; {error.strerror}") from None
    if not head.strip():
        raise UserError(f"{path}: expected a file to import; this one is empty")
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _LOOK_BYTES)
        except zlib.error:
            return "otlp"  # whose reader says what is wrong
    return "memtracebench" if _SMARTCOMMENT.search(head) else "otlp"
