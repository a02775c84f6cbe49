"""Given responses become rollouts of the prompts they answer."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.errors import DataError, UserError
from lmcommon.judge.types import Rubric
from rtt.engine.given import cut_words, load_tokenizer, read_given, tokens_by
from rtt.policy.tiny import word_tokenizer

PROMPTS = [
    RubricPrompt(id=name, prompt=f"Ask {name}.", rubric=Rubric(())) for name in ("1", "2", "3")
]


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_are_joined_by_text_before_id_and_repeats_are_samples(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"key": 3, "prompt": "Ask 1.", "response": "a"},
        {"id": 2, "response": "b c"},
        {"prompt": "Ask 1.", "response": ""},
    )
    found = read_given(path, PROMPTS, cut_words)
    texts = {group.prompt.id: [one.text for one in group.rollouts] for group in found.groups}
    assert texts == {"1": ["a", ""], "2": ["b c"]}
    assert found.unanswered == 1
    assert found.unmatched == ()


def test_prompts_of_one_text_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    twins = [RubricPrompt(id=name, prompt="Ask.", rubric=Rubric(())) for name in ("1", "2")]
    path = written(
        tmp_path,
        {"id": 1, "prompt": "Ask.", "response": "a"},
        {"id": "2", "prompt": "Ask.", "response": "b"},
        {"id": ["x"], "prompt": "Ask.", "response": "c"},
    )
    found = read_given(path, twins, cut_words)
    texts = {group.prompt.id: [one.text for one in group.rollouts] for group in found.groups}
    assert texts == {"1": ["a"], "2": ["b", "c"]}


def test_a_conversation_is_joined_by_its_messages_or_its_transcript(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
    prompt = RubricPrompt(
        id="t", prompt=transcript(talk), rubric=Rubric(()), metadata={"messages": talk}
    )
    path = written(
        tmp_path, {"prompt": talk, "response": "a"}, {"prompt": transcript(talk), "response": "b"}
    )
    (group,) = read_given(path, [prompt], cut_words).groups
    assert [one.text for one in group.rollouts] == ["a", "b"]


def test_rows_of_other_prompts_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "9", "response": "a"}, {"id": "1", "response": "a"})
    assert read_given(path, PROMPTS, cut_words).unmatched == ("row 0: 9",)


def test_a_file_for_another_set_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"prompt": "?", "response": "a"})
    with pytest.raises(UserError, match="none of its rows matches"):
        read_given(path, PROMPTS, cut_words)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "1"}, "'response'"),
        ({"response": "a"}, "'prompt'"),
        ({"id": "1", "response": 3}, "text"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError, match=f"row 0.*{expected}"):
        read_given(written(tmp_path, row), PROMPTS, cut_words)


def test_log_probabilities_are_not_made_up(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "1", "response": "a b"})
    (group,) = read_given(path, PROMPTS, cut_words).groups
    assert all(map(math.isnan, group.rollouts[0].logprobs))
    assert len(group.rollouts[0].logprobs) == 2


@given(st.text())
def test_words_cover_the_whole_text(text: str) -> None:
    ids, offsets = cut_words(text)
    assert len(ids) == len(offsets)
    assert "".join(text[start:end] for start, end in offsets) == text


def test_a_tokenizer_says_which_characters_a_token_covers() -> None:
    ids, offsets = tokens_by(word_tokenizer(["amber", "dune"]))("amber  dune")
    assert offsets == ((0, 5), (7, 11))
    assert len(ids) == 2


def test_a_tokenizer_without_offsets_is_refused() -> None:
    with pytest.raises(UserError, match="expected a fast tokenizer"):
        tokens_by(object())


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a folder with tokenizer\.json"):
        load_tokenizer(str(tmp_path))
