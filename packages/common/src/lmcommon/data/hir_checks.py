"""Ids and arguments of HIR's hard constraints brought to those of our checks.

The data has IFEval's and IFBench's ids, with arguments under two sets of names and with relations
that the benchmark does not know ("at most", "more than"). Where one of our checks can say the same
thing, it does; "exactly" and "around" it cannot, so those are for a judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.registry import find_checker, is_known

__all__ = ["find_check"]

_COUNTS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "change_case:capital_word_frequency": ("capital_frequency", "capital_relation"),
    "keywords:frequency": ("frequency", "relation"),
    "keywords:letter_frequency": ("let_frequency", "let_relation"),
    "length_constraints:number_sentences": ("num_sentences", "relation"),
    "length_constraints:number_words": ("num_words", "relation"),
})  # fmt: skip
"""Checks with a relation: the names of their count and of their relation."""
_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "combination:repeat_prompt": {"original_prompt": "prompt_to_repeat"},
    "detectable_content:number_placeholders": {"N": "num_placeholders"},
    "detectable_format:multiple_sections": {
        "N": "num_sections", "section_splitter": "section_spliter"},
    "detectable_format:number_bullet_lists": {"N": "num_bullets"},
    "detectable_format:number_highlighted_sections": {"N": "num_highlights"},
    "keywords:existence": {"keyword_list": "keywords"},
    "keywords:frequency": {"word": "keyword"},
    "length_constraints:nth_paragraph_first_word": {"N": "num_paragraphs", "i": "nth_paragraph"},
    "length_constraints:number_paragraphs": {"N": "num_paragraphs"},
})  # fmt: skip
"""Other names that an argument has in the data."""
_SHIFTS: Mapping[str, tuple[str, int]] = MappingProxyType({
    "at least": ("at least", 0), "no less than": ("at least", 0), "no less": ("at least", 0),
    "more than": ("at least", 1), "less than": ("less than", 0),
    "at most": ("less than", 1), "no more than": ("less than", 1), "no more": ("less than", 1),
})  # fmt: skip
"""A relation: the one of ours that says the same, and what to add to the count."""


def find_check(name: str, kwargs: Mapping[str, Any]) -> dict[str, Any] | str:
    """The arguments for our check of this id; a text: why there is none.

    Example: `find_check("length_constraints:number_words", {"relation": "at most", "num_words":
    50})` is `{"num_words": 51, "relation": "less than"}`.
    """
    if not is_known(name):
        return "the id is not known"
    given = {key: value for key, value in kwargs.items() if value is not None}
    renamed = {_NAMES.get(name, {}).get(key, key): value for key, value in given.items()}
    if name in _COUNTS:
        related = _related(renamed, *_COUNTS[name])
        if isinstance(related, str):
            return related
        renamed = related
    try:
        find_checker(name).validate(renamed)
    except UserError as error:
        return str(error)
    return renamed


def _related(kwargs: dict[str, Any], count: str, relation: str) -> dict[str, Any] | str:
    """The relation in our two words, the count shifted to say the same."""
    kwargs = dict(kwargs)
    for other, ours in (("N", count), ("quantifier", relation), ("relation", relation)):
        if other != ours and other in kwargs:
            kwargs[ours] = kwargs.pop(other)
    word = str(kwargs.get(relation, "exactly")).strip().lower()
    if word not in _SHIFTS:
        return f"the relation {word!r} has no check"
    said, shift = _SHIFTS[word]
    number = kwargs.get(count)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool):
        kwargs[count] = number + shift
    return {**kwargs, relation: said}
