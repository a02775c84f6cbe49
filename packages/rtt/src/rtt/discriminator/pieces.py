"""A tokenizer of word pieces in which a word is the same pieces whatever its case.

A discriminator mostly compares words of the criterion with words of the response, so "Dune", "DUNE"
and "dune" become the same piece, and what case they have is a token of its own before them. Line
breaks, digits and punctuation marks are tokens: paragraphs, lists and formats depend on them. Words
that were never seen are made of pieces that were.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable
from typing import Any
from unicodedata import category

__all__ = ["piece_tokenizer"]

SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>"}

_CAPITAL, _CAPITALS = "⇧", "⇑"
"""Before a capital letter; before several."""
_CUT = rf"\n|[{_CAPITAL}{_CAPITALS}]|\p{{L}}[\p{{L}}\p{{M}}]*|\d|[^\s]"
_INSIDE = "##"
"""Before a piece that does not begin a word."""


def piece_tokenizer(texts: Iterable[str], *, size: int) -> Any:
    """Learn pieces (byte-pair encoding) from texts; a fast `transformers` tokenizer.

    Args:
        texts: What it learns from; beyond ASCII, a sign that never occurs in them is unknown.
        size: Pieces, at most.

    Example:
        "DUNE, Dune" is read as `⇑ dune , ⇧ dune`.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    lines = list(texts)
    found = {small for sign in {*"".join(lines)} for small in sign.lower()}
    signs = sorted(sign for sign in {*string.ascii_lowercase, *found} if category(sign)[0] in "LM")
    core = Tokenizer(models.BPE(unk_token=SPECIAL["unk_token"], continuing_subword_prefix=_INSIDE))
    core.normalizer = normalizers.Sequence(
        [
            # A mark before every capital, another where more follow, and none within a run.
            *(normalizers.Replace(sign, _CAPITAL + sign) for sign in string.ascii_uppercase),
            normalizers.Replace(Regex(f"{_CAPITAL}(?=[A-Z]{_CAPITAL}[A-Z])"), _CAPITALS),
            normalizers.Replace(
                Regex(f"(?<=[{_CAPITAL}{_CAPITALS}][A-Z])[{_CAPITAL}{_CAPITALS}]"), ""
            ),
            normalizers.Lowercase(),
        ]
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(_CUT), "removed", invert=True)
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, continuing_subword_prefix=_INSIDE,
        initial_alphabet=["\n", _CAPITAL, _CAPITALS, *string.printable.lower()[:-6]],
        # Letters and marks inside words are numbered beforehand: the library would number them as
        # they come out of a hash table, and break ties by number: no two runs would be alike.
        special_tokens=[*SPECIAL.values(), *(_INSIDE + sign for sign in signs)],
    )  # fmt: skip
    core.train_from_iterator(lines, trainer)
    learned = json.loads(core.to_str())["model"]
    final = Tokenizer(
        models.BPE(
            vocab=learned["vocab"], merges=[tuple(pair) for pair in learned["merges"]],
            unk_token=SPECIAL["unk_token"], continuing_subword_prefix=_INSIDE,
        )
    )  # fmt: skip
    final.normalizer, final.pre_tokenizer = core.normalizer, core.pre_tokenizer
    return PreTrainedTokenizerFast(
        tokenizer_object=final, clean_up_tokenization_spaces=False, **SPECIAL
    )
