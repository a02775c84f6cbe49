"""Plain words on the command line become exactly the values that were typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lmcommon.app.words import quoted, usage, with_words
from lmcommon.errors import UserError


@dataclass(kw_only=True)
class Config:
    trace: str
    node: str | None = None
    limit: int = 10
    roles: list[str] = field(default_factory=list)


def given_words(*arguments: str) -> list[str]:
    return with_words(arguments, Config, ("trace", "node"), "toy")


AWKWARD = st.text(alphabet="\\'\"${}a,=[]():#% \t~é\u200d") | st.text()


@example("a\\\\'b\\")
@example("\\\\${x}\\")
@example("a\n")
@example("\udcff.db")
@given(AWKWARD)
def test_a_quoted_word_comes_back_unchanged(word: str) -> None:
    read = OverridesParser.create().parse_override(f"trace={quoted(word)}").value()
    value = OmegaConf.to_object(OmegaConf.create({"trace": read}))["trace"]
    assert str(value) == word


def test_words_go_to_the_keys_in_order() -> None:
    assert given_words("my trace.db", "limit=3", "op-12") == [
        "limit=3", "trace='my trace.db'", "node='op-12'"
    ]  # fmt: skip


def test_an_unknown_key_stays_an_override_so_that_it_is_refused_by_name() -> None:
    assert given_words("trace.db", "nod=op-1") == ["nod=op-1", "trace='trace.db'"]


@pytest.mark.parametrize("word", ["./a=b.db", "/data/a=b.db", "two words=x.db", "1=2.db", "=.db"])
def test_what_cannot_be_a_key_is_a_word(word: str) -> None:
    assert given_words(word) == [f"trace='{word}'"]


def test_a_file_that_is_there_is_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seed=1.db").touch()
    Path("limit=1").touch()
    assert given_words("seed=1.db") == ["trace='seed=1.db'"]
    assert given_words("limit=1") == ["limit=1"], "a key of the verb is never a word"


def test_after_two_dashes_every_word_is_plain() -> None:
    assert given_words("--", "-m", "limit=1") == ["trace='-m'", "node='limit=1'"]


def test_flags_and_their_values_stay() -> None:
    assert given_words("--cfg", "job", "t.db", "--help", "~node") == [
        "--cfg", "job", "--help", "~node", "trace='t.db'"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", "b", "c"), r"at most 2 words \(toy TRACE \[NODE\]\), got 3: 'a', 'b', 'c'"),
        (("a", "trace=b"), "trace was given twice"),
    ],
)
def test_a_mistake_is_told(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        given_words(*arguments)


def test_a_verb_without_words_says_what_it_takes() -> None:
    with pytest.raises(UserError, match="expected key=value, got 'trace'"):
        with_words(["trace"], Config, (), "toy")


def test_usage_puts_what_may_be_left_out_in_brackets() -> None:
    assert usage("toy", Config, ("trace", "node", "roles")) == "toy TRACE [NODE] [ROLES]"
