"""Parts of several processes read as one run, whoever wrote which."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import DataError, UserError
from rtt.records import merge_parts, part_file, read_rollouts, rollouts_in, write_rollouts
from rtt.records.parts import FILE, files_in, keep_places
from rtt.show.soundness import check_rollouts

from .record_support import one

ROWS = [one(group, sample) for group in range(4) for sample in range(2)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=len(ROWS), max_size=len(ROWS)), st.integers(0, 9),
    st.booleans(), st.sampled_from(["jsonl", "parquet"]),
)  # fmt: skip
def test_any_deal_in_any_order_is_read_and_merged_in_order(
    owners: list[int], seed: int, has_whole: bool, form: str
) -> None:
    pytest.importorskip("pyarrow")
    order = list(range(len(ROWS)))
    random.Random(seed).shuffle(order)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if has_whole:  # a process alone writes in order
            alone = [place for place in range(len(ROWS)) if owners[place] == 0]
            write_rollouts(folder / FILE, [ROWS[place] for place in alone])
        for place in order:
            if owners[place] or not has_whole:
                write_rollouts(part_file(folder, owners[place]), [ROWS[place]])
        assert list(read_rollouts(folder)) == ROWS
        assert check_rollouts(folder).is_clean
        merged = merge_parts(folder, form=form)
        assert files_in(folder) == [merged]
        assert list(read_rollouts(merged)) == ROWS


def test_a_merge_that_was_interrupted_leaves_one_run(tmp_path: Path) -> None:
    """The merged file is there, the parts are not gone yet: every place counts once."""
    write_rollouts(tmp_path / FILE, ROWS)
    write_rollouts(part_file(tmp_path, 1), ROWS[2:])
    assert list(read_rollouts(tmp_path)) == ROWS
    merge_parts(tmp_path)
    assert list(read_rollouts(tmp_path / FILE)) == ROWS
    assert not part_file(tmp_path, 1).exists()


def test_a_torn_line_of_a_part_is_left_out(tmp_path: Path) -> None:
    write_rollouts(part_file(tmp_path, 0), ROWS[:3])
    with part_file(tmp_path, 0).open("ab") as out:
        out.write(b'{"step": 0, "gro')
    write_rollouts(part_file(tmp_path, 1), ROWS[4:])
    assert list(read_rollouts(tmp_path)) == [*ROWS[:3], *ROWS[4:]]
    assert check_rollouts(tmp_path).is_torn


def test_unwanted_places_are_dropped_with_what_is_torn(tmp_path: Path) -> None:
    path = part_file(tmp_path, 0)
    write_rollouts(path, ROWS)
    with path.open("ab") as out:
        out.write(b'{"step": 0, "gro')
    keep_places(path, lambda place: place[1] != 2)
    assert list(read_rollouts(path)) == [*ROWS[:4], *ROWS[6:]]
    assert path.read_bytes().endswith(b"\n")


def test_a_fault_in_a_part_is_named_with_its_file(tmp_path: Path) -> None:
    write_rollouts(part_file(tmp_path, 0), ROWS[:1])
    part_file(tmp_path, 3).write_text('{"step": 1}\n', encoding="utf-8")
    faults = check_rollouts(tmp_path).faults
    assert faults == [
        "rollouts-00003.jsonl, line 1: expected a rollout record; field 'scored' is missing"
    ]
    with pytest.raises(DataError, match=r"rollouts-00003\.jsonl"):
        list(read_rollouts(tmp_path))


def test_the_one_file_or_the_folder_of_parts_stands_for_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a run folder with rollouts"):
        rollouts_in(tmp_path)
    write_rollouts(tmp_path / FILE, ROWS[:1])
    assert rollouts_in(tmp_path) == tmp_path / FILE
    write_rollouts(part_file(tmp_path, 0), ROWS[1:])
    assert rollouts_in(tmp_path) == tmp_path
