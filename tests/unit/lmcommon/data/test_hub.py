"""Specs: what is a file and what is a hub id, and what a hub that cannot be reached says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcommon.data import DATASETS, load
from lmcommon.data.hub import HubId, open_rows, parse_spec, rows_of
from lmcommon.data.ifeval import parse_ifeval
from lmcommon.errors import UserError


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("google/IFEval", HubId("google/IFEval")),
        ("google/IFEval:default", HubId("google/IFEval", "default")),
        ("google/IFEval:default:train", HubId("google/IFEval", "default", "train")),
        ("google/IFEval::train", HubId("google/IFEval", None, "train")),
        ("a/b-c.d:part_1.json", HubId("a/b-c.d", "part_1.json")),
        ("data/rows.jsonl", Path("data/rows.jsonl")),
        ("./rows", Path("rows")),
        ("/abs/rows.json.gz", Path("/abs/rows.json.gz")),
        ("rows.json", Path("rows.json")),
    ],
)
def test_specs(spec: str, expected: object) -> None:
    assert parse_spec(spec) == expected


def test_an_existing_path_is_a_file_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "google").mkdir()
    (tmp_path / "google" / "IFEval").write_text("", encoding="utf-8")
    assert parse_spec("google/IFEval") == Path("google/IFEval")


def test_neither_file_nor_hub_id_is_explained() -> None:
    with pytest.raises(UserError, match=r"expected a file .* or a hub id"):
        parse_spec("what: ever")


@pytest.mark.parametrize("spec", ["~nobody-here/rows.json", "a\0.json", "a" * 5000 + ".json"])
def test_a_path_that_cannot_be_looked_up_is_explained(spec: str) -> None:
    with pytest.raises(UserError, match="expected a path or a hub id"):
        parse_spec(spec)


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("a.jsonl.gz", ""), ("a.json", "[]"), ("b.jsonl", "\n\n")]
)
def test_a_set_without_rows_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    with pytest.raises(UserError, match="expected at least one row"):
        load("ifeval", tmp_path / name)


def test_a_folder_is_refused_where_no_set_of_files_is_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder"):
        list(open_rows(tmp_path))


@pytest.mark.parametrize("spec", ["google/IFEval", "nobody/nothing:part.json"])
def test_an_unreachable_hub_names_both_ways(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the extra lmcommon[datasets] is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"could not be loaded .* or give the path") as caught:
        list(open_rows(spec))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, one in DATASETS.items() if one.hub])
def test_every_set_of_the_hub_says_what_to_do_without_a_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets", reason="the extra lmcommon[datasets] is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"could not be loaded .* or give the path"):
        load(name, str(DATASETS[name].hub))


def test_rows_through_datasets_equal_rows_of_the_file(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra lmcommon[datasets] is absent")
    raw = [
        {"key": 1, "prompt": "p", "instruction_id_list": ["keywords:existence"],
         "kwargs": [{"keywords": ["a"]}]},
        {"key": 2, "prompt": "q", "instruction_id_list": ["length_constraints:number_words"],
         "kwargs": [{"relation": "at least", "num_words": 3}]},
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, raw)), encoding="utf-8")
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    from_hub = [parse_ifeval(row) for row in rows_of(loaded, "hub")]
    assert from_hub == [parse_ifeval(row) for row in open_rows(path)]
