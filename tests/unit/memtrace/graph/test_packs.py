"""Small pieces compressed together."""

from __future__ import annotations

import random
import sqlite3
import zlib
from collections.abc import Iterator

import pytest

from memtrace.graph.storage import schema
from memtrace.graph.storage.bulk import insert
from memtrace.graph.storage.packs import PACK_BYTES, Compressor, PackWriter, at, piece, place


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.create(connection)
    yield connection
    connection.close()


def test_no_piece_makes_no_pack(connection: sqlite3.Connection) -> None:
    assert PackWriter(connection, Compressor()).rows() == []


def test_pieces_lie_where_they_were_said_to(connection: sqlite3.Connection) -> None:
    pieces = [random.Random(seed).randbytes(seed * 37 % 5_000) for seed in range(100)]
    packs = PackWriter(connection, Compressor())
    places = [packs.add(data) for data in pieces]
    rows = {number: data for number, codec, _, data in packs.rows() if codec == "raw"}
    found = [
        piece(rows[pack], offset, len(data))
        for (pack, offset), data in zip(places, pieces, strict=True)
    ]
    assert found == pieces
    assert len(rows) > 5


def test_a_pack_is_compressed_only_where_that_helps(connection: sqlite3.Connection) -> None:
    packs = PackWriter(connection, Compressor())
    packs.add(random.Random(0).randbytes(PACK_BYTES))
    packs.add(b"the same again " * 100)
    assert [row[1] for row in packs.rows()] == ["raw", "zlib"]


def test_a_later_transaction_goes_on_numbering(connection: sqlite3.Connection) -> None:
    for expected in (1, 2, 3):
        packs = PackWriter(connection, Compressor())
        assert packs.add(b"x") == (expected, 0)
        insert(connection, "packs", packs.rows())


@pytest.mark.parametrize("where", [(1, 0), (70_000, 65_535), (2**32 - 1, 1)])
def test_a_place_comes_back(where: tuple[int, int]) -> None:
    assert at(place(*where)) == where


def test_damage_is_told() -> None:
    with pytest.raises(ValueError, match="place of a value"):
        at(b"\0")
    with pytest.raises(ValueError, match="at least 20 bytes"):
        piece(b"short", 10, 10)


def test_noise_in_letters_is_not_searched_for_repetitions() -> None:
    compressor = Compressor()
    draw = random.Random(0)
    packs = [draw.randbytes(PACK_BYTES // 2).hex().encode() for _ in range(12)]
    packed = [compressor(plain) for plain in packs]
    assert [zlib.decompress(data) for data in packed] == packs
    assert sum(map(len, packed)) < 0.53 * sum(map(len, packs))


def test_prose_after_noise_is_soon_searched_again() -> None:
    compressor = Compressor()
    noise = random.Random(0).randbytes(PACK_BYTES // 2).hex().encode()
    prose = b"and then the same was said again, " * 900
    sizes = [len(compressor(data)) for data in [noise] * 4 + [prose] * 12]
    assert max(sizes[-4:]) < 1_000
