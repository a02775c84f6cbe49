"""A run folder survives kills and never writes what cannot be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.runlog import Run, write_atomic

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5))
def test_rows_read_back_as_written(tmp_path_factory, rows) -> None:  # type: ignore[no-untyped-def]
    run = Run(tmp_path_factory.mktemp("run"))
    for row in rows:
        run.append("items", row)
    assert run.read("items") == rows


@given(cut=st.integers(1, 30))
def test_a_torn_last_line_costs_that_row_only(tmp_path_factory, cut: int) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("run")
    run = Run(folder)
    run.append("items", {"n": 1})
    run.append("items", {"n": 2, "text": "long enough to be torn"})
    path = folder / "items.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    kept = Run(folder)
    rows = kept.read("items")
    assert rows[0] == {"n": 1}
    kept.append("items", {"n": 3})
    assert kept.read("items")[0] == {"n": 1}
    assert kept.read("items")[-1] == {"n": 3}


@pytest.mark.parametrize("cut", range(1, 44))
def test_a_row_torn_anywhere_is_left_out_of_a_resumed_run(tmp_path: Path, cut: int) -> None:
    run = Run(tmp_path)
    run.append("items", {"n": {"name": "Zoë}"}, "more": [{"a": {}}, "😀"]})
    path = tmp_path / "items.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 2)])
    assert run.read("items") == []
    run.append("items", {"n": 2})
    assert run.read("items") == [{"n": 2}], whole[:cut]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "items.jsonl").write_text('{"n": 1}\nnot json}\n{"n": 2}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 2: expected one JSON object, got 'not json}'"):
        run.read("items")


def test_nan_becomes_null_at_any_depth(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.append("items", {"a": [float("nan"), {"b": float("inf")}]})
    assert run.read("items") == [{"a": [None, {"b": None}]}]


def test_a_second_opening_is_a_resume(tmp_path: Path) -> None:
    first = Run(tmp_path / "run", seed=3)
    assert not first.is_resumed
    first.start(command=["x"], overrides=["seed=3"], verb="toy")
    first.manifest("cost_usd", 0.5)
    second = Run(tmp_path / "run", seed=3)
    assert second.is_resumed
    second.start(command=["x"], overrides=["seed=3"], verb="toy")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["attempts"] == 2
    assert manifest["cost_usd"] == 0.5


def test_a_damaged_manifest_is_explained(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        Run(tmp_path)


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.md"]


def test_progress_yields_every_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Run(tmp_path).progress(range(20), "steps")) == list(range(20))
    shown = capsys.readouterr()
    assert shown.out == "", "progress never mixes with results"
    assert "steps: 10/20" in shown.err
