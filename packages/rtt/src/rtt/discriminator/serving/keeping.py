"""What was read is kept: in memory up to a size, and in a file if wanted.

In: any reader. Out: the same values, each distinct pair asked about once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked
from rtt.discriminator.serving.base import CharacterReader
from rtt.discriminator.serving.pair_file import PairFile

__all__ = ["KeptReader"]

_OVERHEAD = 200
"""Bytes that a kept pair costs beside its characters, about."""


class KeptReader:
    """A reader with a memory. The pair not asked about for longest is forgotten first.

    Args:
        reader: What reads pairs that are not known.
        megabytes: Most memory, texts included; 0: nothing is kept in memory.
        file: Where they are kept beyond this process; None: nowhere.

    Example:
        `KeptReader(reader, megabytes=64)`
    """

    def __init__(
        self, reader: CharacterReader, *, megabytes: float = 64.0, file: PairFile | None = None
    ) -> None:
        self.reader, self._file = reader, file
        self._limit = int(megabytes * 2**20)
        self._kept: OrderedDict[Asked, Chars] = OrderedDict()
        self._size = 0
        self.asked = 0
        """Pairs that were put to the reader so far."""

    @property
    def reads_question(self) -> bool:
        """As the reader."""
        return self.reader.reads_question

    @property
    def reads_verdict(self) -> bool:
        """Whether the criterion is to say whether it is met (`with_verdict`)."""
        return self.reader.reads_verdict

    @property
    def digest(self) -> str:
        """As the reader."""
        return self.reader.digest

    @property
    def kept_bytes(self) -> int:
        """Memory that is in use for kept pairs, about."""
        return self._size

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        """Relevance of every character; see `CharacterReader`. The arrays are shared: copy them
        before writing into them.
        """
        asked = [Asked(*pair) for pair in pairs]
        if not self.reads_question:  # samples of other prompts can share a pair
            asked = [Asked(one.criterion, one.response) for one in asked]
        told: dict[Asked, Chars] = {}
        missing: list[Asked] = []
        for one in dict.fromkeys(asked):
            if one in self._kept:
                self._kept.move_to_end(one)
                told[one] = self._kept[one]
            else:
                missing.append(one)
        new: dict[Asked, Chars] = {}
        if missing and self._file is not None:
            new.update(self._file.get(self.digest, missing))
        if left := [one for one in missing if one not in new]:
            read = dict(zip(left, self.reader.relevances(left), strict=True))
            self.asked += len(left)
            new |= read
            if self._file is not None:
                self._file.put(self.digest, read)
        self._keep(new)
        told |= new
        return [told[one] for one in asked]

    def close(self) -> None:
        """Close the reader and the file."""
        self.reader.close()
        if self._file is not None:
            self._file.close()

    def _keep(self, new: Mapping[Asked, Chars]) -> None:
        for one, chars in new.items():
            self._kept[one] = chars
            self._size += _bytes(one, chars)
        while self._size > self._limit:
            self._size -= _bytes(*self._kept.popitem(last=False))


def _bytes(asked: Asked, chars: Chars) -> int:
    return _OVERHEAD + chars.nbytes + sum(map(len, asked))
