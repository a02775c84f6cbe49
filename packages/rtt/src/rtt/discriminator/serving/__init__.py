"""Where a discriminator can run: this process, processes of its own, a server.

All are `CharacterReader`s: (criterion, response) texts in, one relevance a character out.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.discriminator.serving.base import CharacterReader
    from rtt.discriminator.serving.client import RemoteReader
    from rtt.discriminator.serving.keeping import KeptReader
    from rtt.discriminator.serving.pair_file import PairFile
    from rtt.discriminator.serving.pool import ReaderPool
    from rtt.discriminator.serving.server import RelevanceServer

__all__ = [
    "CharacterReader", "KeptReader", "PairFile", "ReaderPool", "RelevanceServer", "RemoteReader",
]  # fmt: skip

_ROOMS = {
    "base": ("CharacterReader",),
    "client": ("RemoteReader",),
    "keeping": ("KeptReader",),
    "pair_file": ("PairFile",),
    "pool": ("ReaderPool",),
    "server": ("RelevanceServer",),
}

__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"rtt.discriminator.serving.{room}" for room, names in _ROOMS.items() for name in names},
)
