"""Criteria in several wordings, so that a discriminator does not learn one.

In: a constraint with its arguments. Out: its text: the checker's own, the rubrics' (as readers of
IFEval write it), or one of the paraphrases of `paraphrases.json`, a template of the arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from lmcommon.data.wording import constraint_text
from lmcommon.verify.checking import describe

__all__ = ["paraphrases", "worded", "wordings"]


@cache
def paraphrases() -> Mapping[str, Sequence[str]]:
    """Constraint id to templates, such as `Use these words: {keywords}.`"""
    loaded: dict[str, list[str]] = json.loads(
        files("rtt.labelling").joinpath("paraphrases.json").read_text("utf-8")
    )
    return loaded


def wordings(constraint_id: str, kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Every text of a constraint, the checker's own first.

    Example:
        `wordings("punctuation:no_comma", {})` begins with "The response contains no commas.".
    """
    shown = {name: _shown(value) for name, value in kwargs.items()}
    own = [template.format(**shown) for template in paraphrases().get(constraint_id, ())]
    texts = [describe(constraint_id, kwargs), constraint_text(constraint_id, kwargs), *own]
    return tuple(dict.fromkeys(texts))


def worded(constraint_id: str, kwargs: Mapping[str, Any], random: Random) -> str:
    """One of the texts, drawn at random."""
    return random.choice(wordings(constraint_id, kwargs))


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in value)
    return str(value)
