"""Whether a stored value is what its digest names."""

from __future__ import annotations

from lmcommon.errors import UserError
from memtrace.graph.storage.blobs import DAMAGE, BlobReader, digest_of

__all__ = ["is_whole"]


def is_whole(
    reader: BlobReader, encoding: str, codec: str, size: int, data: bytes, digest: bytes
) -> bool:
    """Whether a blob, given by its columns, decodes to what its digest names."""
    try:
        plain = reader.plain(codec, size, data)
        return digest_of(encoding, plain) == digest and len(plain) == size
    except (AttributeError, *DAMAGE, UserError):
        return False
