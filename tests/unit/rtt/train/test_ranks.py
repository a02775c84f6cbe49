"""Rows of processes: written by each, read by rank, dropped where steps are taken again."""

from __future__ import annotations

from pathlib import Path

from rtt.train.ranks import RankBook, keep_rank_rows, peak_memory, read_ranks


def write(folder: Path, rank: int, *steps: int, world: int = 12) -> None:
    book = RankBook(folder, rank, world)
    for step in steps:
        book.add({"step": step})


def steps(folder: Path) -> dict[int, list[int]]:
    return {rank: [row["step"] for row in rows] for rank, rows in read_ranks(folder).items()}


def test_rows_are_read_by_the_number_of_the_process(tmp_path: Path) -> None:
    for rank in (10, 2, 0):
        write(tmp_path, rank, 1, 2)
    assert list(steps(tmp_path).items()) == [(0, [1, 2]), (2, [1, 2]), (10, [1, 2])]


def test_a_process_alone_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, 0, 1, world=1)
    assert read_ranks(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_what_is_done_again_is_dropped_from_every_process(tmp_path: Path) -> None:
    write(tmp_path, 0, 1, 2, 3, 4)
    write(tmp_path, 1, 1, 2, 3)
    keep_rank_rows(tmp_path, lambda row: row["step"] <= 2)
    assert steps(tmp_path) == {0: [1, 2], 1: [1, 2]}


def test_a_torn_row_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, 1, 1, 2)
    path = tmp_path / "metrics-rank1.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert steps(tmp_path) == {1: [1]}


def test_memory_is_told_in_mib() -> None:
    # This process holds torch: more than 64 MiB, less than the 64 GiB that bytes would look like.
    assert 64 < peak_memory()["peak_memory_mib"] < 65_536
