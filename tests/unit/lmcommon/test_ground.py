"""Errors, extras, prompts, seeds and lazy names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import DataError, MissingExtraError, ParseError, UserError
from lmcommon.extras import is_available, require
from lmcommon.lazy import lazy_exports
from lmcommon.prompt import Prompt
from lmcommon.rng import random_for, seed_for


def test_a_missing_extra_names_the_install_line() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'lmcommon\[none\]'"):
        require("no_such_module_here", extra="lmcommon[none]")
    assert not is_available("no_such_module_here")


def test_a_broken_installation_is_not_called_missing(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "broken_package_here.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        require("broken_package_here", extra="x")


def test_data_error_names_file_row_and_field() -> None:
    error = DataError("expected a string, got 3", path="a.json", row=4, field="text")
    assert str(error) == "a.json, row 4, field 'text': expected a string, got 3"
    assert isinstance(error, UserError)


def test_parse_error_shows_a_long_reply_cut() -> None:
    error = ParseError("expected JSON", reply="x" * 500)
    assert len(str(error)) < 260
    assert error.reply == "x" * 500


def test_prompt_fills_only_its_placeholders() -> None:
    prompt = Prompt("p", 'Reply {"ok": true} to {name}. {0}', frozenset({"name"}))
    assert prompt.fill(name="{other}") == 'Reply {"ok": true} to {other}. {0}'


def test_prompt_refuses_missing_and_unknown_placeholders() -> None:
    with pytest.raises(UserError, match=r"missing \['b'\], unknown \['a'\]"):
        Prompt("p", "{a}", frozenset({"b"}))
    with pytest.raises(ValueError, match="expected values for"):
        Prompt("p", "{a}", frozenset({"a"})).fill(b="x")


def test_prompt_digest_changes_with_the_wording() -> None:
    assert Prompt("p", "one").digest != Prompt("p", "two").digest


@given(st.integers(0, 2**31), st.text(max_size=8), st.text(max_size=8))
def test_seeds_depend_on_the_whole_purpose(root: int, a: str, b: str) -> None:
    assert seed_for(root, a, b) == seed_for(root, a, b)
    assert 0 <= seed_for(root, a) < 2**63
    if a != b:
        assert seed_for(root, a) != seed_for(root, b)
    assert seed_for(root, "1") != seed_for(root, 1)


def test_seeds_are_stable_over_versions() -> None:
    assert seed_for(7, "train", 3) == 2488237966630131630
    assert seed_for(7, "\ud800") == seed_for(7, "\ud800"), "half a character is a purpose too"
    assert random_for(1, "x").random() == random_for(1, "x").random()


def test_lazy_names_resolve_and_unknown_ones_are_attribute_errors() -> None:
    get, names = lazy_exports("lmcommon", {"Prompt": "lmcommon.prompt", "rng": "lmcommon.rng"})
    assert get("Prompt") is Prompt
    assert get("rng").__name__ == "lmcommon.rng"  # type: ignore[attr-defined]
    assert names() == ["Prompt", "rng"]
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        get("nope")
