"""Prompts as files: what is loaded is what was measured, and nothing breaks out of the folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memtrace
from lmcommon.errors import UserError
from memtrace.memory import RagConfig
from memtrace.memory.prompt_diffs import diff_lines, diff_text
from memtrace.memory.prompt_files import load_prompts, write_prompts

TEXTS = st.text(st.characters(codec=None), max_size=60)
NAMES = st.text(min_size=1, max_size=12)
QA = "### user\n{context}\n\nQuestion: {question}"


@given(prompts=st.dictionaries(NAMES, TEXTS, min_size=1, max_size=4))
def test_texts_come_back_exactly(
    prompts: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("prompts")
    write_prompts(folder, dict.fromkeys(prompts, "before"), prompts, {})
    assert load_prompts(folder) == prompts
    assert all(one.parent == folder for one in folder.iterdir())


def test_a_run_folder_will_do(tmp_path: Path) -> None:
    write_prompts(tmp_path / "prompts", {"qa": "old"}, {"qa": "new"}, {"method": "memtrace"})
    assert memtrace.load_prompts(str(tmp_path)) == {"qa": "new"}
    assert json.loads((tmp_path / "prompts/prompts.json").read_text())["method"] == "memtrace"


def test_only_what_changed_has_a_diff(tmp_path: Path) -> None:
    before, after = {"qa": "a\nb", "rewrite": "same"}, {"qa": "a\nc", "rewrite": "same"}
    write_prompts(tmp_path, before, after, {})
    assert [one.name for one in tmp_path.glob("*.diff")] == ["qa.diff"]
    write_prompts(tmp_path, before, before, {})
    assert not list(tmp_path.glob("*.diff")), "a diff of another attempt is gone"


def test_a_diff_is_a_patch(tmp_path: Path) -> None:
    before, after = "one\ntwo\nthree\n", "one\n2\nthree\nfour\n"
    (tmp_path / "qa.md").write_text(before)
    patch = diff_text(before, after, "qa")
    subprocess.run(["patch", "-p1"], cwd=tmp_path, input=patch, text=True, check=True)
    assert (tmp_path / "qa.md").read_text() == after


@given(before=st.lists(st.sampled_from("abc")), after=st.lists(st.sampled_from("abc")))
def test_the_lines_of_a_whole_diff_tell_both_texts(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    lines = list(diff_lines(old, new, context=1000))
    if old == new:
        assert not lines
        return
    assert "\n".join(one.text for one in lines if one.sort != "added") == old
    assert "\n".join(one.text for one in lines if one.sort != "removed") == new


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"prompts": {"qa": 1}}'])
def test_what_is_no_folder_of_prompts_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "prompts.json").write_text(content)
    with pytest.raises(UserError, match="prompts"):
        load_prompts(tmp_path)


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    inside = tmp_path / "prompts"
    inside.mkdir()
    rows = {"prompts": {"qa": {"file": "../secret.md"}}}
    (inside / "prompts.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match="expected the text of a prompt"):
        load_prompts(inside)


def test_a_configuration_gets_prompts(tmp_path: Path) -> None:
    write_prompts(tmp_path, {"qa": "old"}, {"qa": QA}, {})
    config = RagConfig(retriever="bm25", top_k=3)
    changed = memtrace.apply_prompts(config, tmp_path)
    assert (changed.prompts, changed.top_k, config.prompts) == ({"qa": QA}, 3, {})
    assert memtrace.apply_prompts(config, {"qa": QA}) == changed


def test_a_configuration_reads_prompts_from_a_folder(tmp_path: Path) -> None:
    write_prompts(tmp_path, {"qa": "old", "rewrite": "r"}, {"qa": QA, "rewrite": "r"}, {})
    config = RagConfig(retriever="bm25", prompts_from=str(tmp_path), prompts={"rewrite": "mine"})
    assert config.prompts == {"qa": QA, "rewrite": "mine"}
    assert config.prompts_from is None, "a trace tells the texts, not where they lay"


def test_other_objects_are_refused() -> None:
    with pytest.raises(UserError, match=r"a live mem0\.Memory; got a builtins\.dict"):
        memtrace.apply_prompts({}, {"qa": QA})
