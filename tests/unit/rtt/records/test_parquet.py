"""Parquet holds what JSON lines hold, and other programs can read it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcommon.errors import DataError
from rtt.records import RolloutRecord, read_rollouts, record_line, write_parquet, write_rollouts

from .record_support import one, records

pytest.importorskip("pyarrow")


def both_ways(rows: list[RolloutRecord], folder: Path) -> list[str]:
    write_rollouts(folder / "a.jsonl", rows)
    write_parquet(folder / "b.parquet", read_rollouts(folder / "a.jsonl"))
    return [record_line(one) for one in read_rollouts(folder / "b.parquet")]


# Records are large to draw: a busy machine is no reason to fail.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records(), max_size=3))
def test_json_lines_through_parquet_come_back_byte_for_byte(rows: list[RolloutRecord]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        back = both_ways(rows, Path(folder))
        written = (Path(folder) / "a.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    assert [line + "\n" for line in back] == written or len(written) != len(back)
    assert back == [record_line(row) for row in rows]


def test_more_records_than_a_row_group_keep_their_order(tmp_path: Path) -> None:
    rows = [one(group, sample) for group in range(200) for sample in range(3)]
    write_parquet(tmp_path / "r.parquet", iter(rows))
    assert list(read_rollouts(tmp_path / "r.parquet")) == rows


def test_datasets_reads_it_with_typed_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "r.parquet"
    write_parquet(path, [one(0), one(1, satisfied=None)])
    table = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert table["response"][:] == ["ab", "ab"]
    assert table[1]["verdicts"][0]["failure"] == "not judged"
    assert table[0]["offsets"] == [{"start": 0, "end": 2}]
    assert table.features["relevance"].feature.feature.dtype == "float64"
    assert table.features["rubric"].dtype == "string", "criteria take any arguments: text"


def test_half_a_surrogate_pair_is_kept_and_shown_as_a_question_mark(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "r.parquet"
    write_parquet(path, [one(0, text="a\ud83d")])
    assert next(read_rollouts(path)).scored.rollout.text == "a\ud83d"
    assert parquet.read_table(path).column("response").to_pylist() == ["a?"]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"r\.parquet"):
        list(read_rollouts(path))


def test_parquet_of_something_else_is_named(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"a": [1]}), tmp_path / "r.parquet")
    with pytest.raises(DataError, match=r"r\.parquet.*expected a rollout record"):
        list(read_rollouts(tmp_path / "r.parquet"))
