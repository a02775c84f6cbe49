"""Files of rows: what is read, and what every broken file says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.files import read_rows, write_jsonl
from lmcommon.data.rows import Row
from lmcommon.errors import DataError, UserError

ROWS = [{"a": 1}, {"a": "zwei ü"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", json.dumps(ROWS)),
        ("x.json", json.dumps({"source": "s", "data": ROWS})),
        ("x.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
        ("x.jsonl", "\ufeff" + "\r\n".join(json.dumps(row) for row in ROWS)),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_all_forms_give_the_same_rows(
    tmp_path: Path, name: str, text: str, is_packed: bool
) -> None:
    path = tmp_path / (name + ".gz" if is_packed else name)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if is_packed else data)
    assert [row.value for row in read_rows(path)] == ROWS


def test_an_object_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    assert [row.value for row in read_rows(path)] == [{"a": 1}]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.jsonl", b'{"a": 1}\n{"a": \n', "row 1: expected JSON"),
        ("x.jsonl", b"[1]\n", "row 0: expected an object, got list"),
        ("x.json", b"[1, 2]", "row 0: expected an object, got int"),
        ("x.json", b'{"a": ', "expected JSON"),
        ("x.json", b"\xff\xfe\x00", "expected UTF-8"),
        ("x.json.gz", b"not gzip", "expected gzip"),
        ("x.json.gz", gzip.compress(b'[{"a": 1}]', mtime=0)[:-9], "expected gzip"),
        ("x.json", b"[" * 100_000, "expected JSON"),
        ("x.json", b"[" + b"1" * 5000 + b"]", "expected JSON"),
    ],
)
def test_broken_files_name_the_place(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=says) as caught:
        list(read_rows(path))
    assert caught.value.path == str(path)


def test_rows_before_a_broken_line_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\nnonsense\n', encoding="utf-8")
    rows = read_rows(path)
    assert next(rows).value == {"a": 1}
    with pytest.raises(DataError, match="row 1"):
        next(rows)


def test_missing_file_says_that_file_and_hub_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file.*or the id of a data set on the hub"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ends with \.json"):
        list(read_rows(tmp_path / "rows.csv"))


@pytest.mark.parametrize("name", ["out.jsonl", "deep/er/out.jsonl.gz"])
def test_written_rows_come_back(tmp_path: Path, name: str) -> None:
    assert write_jsonl(tmp_path / name, ROWS) == 2
    assert [row.value for row in read_rows(tmp_path / name)] == ROWS


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_jsonl(path, ROWS)
    with pytest.raises(TypeError):
        write_jsonl(path, [{"a": 1}, {"a": object()}])
    assert [row.value for row in read_rows(path)] == ROWS
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=5)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), values))
def test_a_row_gives_the_asked_type_or_a_data_error(value: dict[str, object]) -> None:
    row = Row(value, "f.jsonl", 4)
    for ask in (row.text, row.scalar_text, row.integer, row.boolean, row.items, row.texts,
                row.booleans, row.row, row.rows, row.lists, row.text_or):  # fmt: skip
        for key in "abc":
            message = ""
            try:
                ask(key)
            except DataError as error:
                message = str(error)
            assert not message or message.startswith("f.jsonl, row 4, field '")
