"""The right to write a trace: alone, or shared by the processes of one recording."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from memtrace.graph.recording.lock import WriteLock, lock_path
from memtrace.graph.recording.numbers import SharedNumbers, numbers_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file locks")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


def test_one_holder_keeps_another_out_until_it_lets_go(path: Path) -> None:
    first = WriteLock(path)
    with pytest.raises(UserError, match="another recording"):
        WriteLock(path)
    first.release()
    WriteLock(path).release()
    assert not lock_path(path).exists()


def test_sharers_keep_a_lone_writer_out_and_the_last_one_knows(path: Path) -> None:
    first = WriteLock(path)
    first.share()
    second = WriteLock(path, shared=True)
    with pytest.raises(UserError, match="another recording"):
        WriteLock(path)
    assert not first.is_last()
    first.release()
    assert lock_path(path).exists()
    assert second.is_last()
    second.release()
    assert not lock_path(path).exists()


def test_a_duplicate_holds_the_lock_without_its_original(path: Path) -> None:
    first = WriteLock(path)
    first.share()
    duplicate = first.duplicate()
    first.forget()
    with pytest.raises(UserError, match="another recording"):
        WriteLock(path)
    duplicate.release()
    WriteLock(path).release()


def test_two_openings_of_one_counter_draw_every_number_once(path: Path) -> None:
    one = SharedNumbers(path, above=10, create=True)
    two = SharedNumbers(path)
    assert [one(), two(), two(), one()] == [11, 12, 13, 14]
    one.close()
    two.close()


def test_a_counter_never_falls_behind_the_trace(path: Path) -> None:
    SharedNumbers(path, above=3, create=True).close()
    late = SharedNumbers(path, above=50)
    assert late() == 51
    late.close()


def test_there_is_no_counter_to_open_before_it_was_made(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SharedNumbers(path)
    assert not numbers_path(path).exists()
