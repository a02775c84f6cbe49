"""Between any two tokenizers a relevance stays with its characters.

The policy writes with one tokenizer, the discriminator reads with another. Whatever the text, a
policy token has the largest relevance among its characters, and a character the largest among the
discriminator's tokens that cover it; both are held against loops that say just that.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.embed import BundledEmbedder
from lmcommon.errors import UserError
from lmcommon.llm.bundled import bundled_folder
from rtt.discriminator import TinyDiscriminator
from rtt.discriminator.characters import pair_characters
from rtt.discriminator.encoding import Asked, encode_pairs
from rtt.engine.text import text_with_offsets
from rtt.relevance.offsets import chars_to_relevance

WORDS = ["amber", "dune", "Iris", "co-op", "na\u00efve", "42", ",", ".", "!"]
ODD = [
    "\U0001f9ed", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e\u0301", "\u00e9", "\u0928\u093f",
    "\u6771\u4eac", "\u202e", "\ufeff", "\u00a0", "\t", "\n\n", "  ", "\x00", "\u1e9e",
    "\ufb01", "\u0130",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from([*WORDS, *ODD, " "]) | st.text(max_size=3), max_size=12).map(
    "".join
)
KINDS = ["words", "byte-level BPE", "WordPiece"]


@cache
def tokenizer(kind: str) -> Any:
    from transformers import AutoTokenizer

    if kind == "words":
        return TinyDiscriminator(hidden=8, heads=1).build(WORDS, seed=0).tokenizer
    try:
        folder = bundled_folder("smollm2") if kind == "byte-level BPE" else _minilm()
    except UserError as error:
        pytest.skip(str(error))
    return AutoTokenizer.from_pretrained(str(folder))


def _minilm() -> str:
    return BundledEmbedder()._source()


def encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(("policy", "reader"), [*product(KINDS, KINDS)])
@settings(max_examples=40, deadline=None)
@given(text=TEXTS, data=st.data())
def test_a_policy_token_has_the_largest_relevance_of_its_characters(
    policy: str, reader: str, text: str, data: st.DataObject
) -> None:
    writes = tokenizer(policy)
    ids = writes(encodable(text), add_special_tokens=False)["input_ids"]
    written, offsets = text_with_offsets(writes, ids)
    context = data.draw(st.sampled_from([40, 4096]))  # some in several rows
    (rows,) = encode_pairs(tokenizer(reader), [Asked("No.", written)], context=context)
    noise = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = [noise.random(len(row.offsets), dtype=np.float32) for row in rows]

    (chars,) = pair_characters([written], [rows], values)
    slow = [0.0] * len(written)
    for row, line in zip(rows, values, strict=True):
        for (start, end), value in zip(row.offsets, line, strict=True):
            assert 0 <= start <= end <= len(written), (written, row.offsets)
            for place in range(start, end):
                slow[place] = max(slow[place], float(value))
    assert chars.tolist() == slow, (written, rows)

    told = chars_to_relevance(chars, offsets)
    expected = [max(slow[start:end], default=0.0) for start, end in offsets]
    assert list(told) == expected, (written, offsets)


@pytest.mark.parametrize("reader", KINDS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS.map(encodable), max_size=4), question=TEXTS.map(encodable))
def test_many_pairs_are_encoded_as_one_by_one(reader: str, texts: list[str], question: str) -> None:
    reads = tokenizer(reader)
    asked = [Asked(rule, text, question) for text in texts for rule in ("No.", "Yes, and")]
    for context, reads_question in ((64, True), (4096, True), (4096, False)):
        given_ = {"context": context, "reads_question": reads_question}
        alone = [encode_pairs(reads, [one], **given_)[0] for one in asked]  # type: ignore[arg-type]
        assert encode_pairs(reads, asked, **given_) == alone  # type: ignore[arg-type]
        for one, rows in zip(asked, alone, strict=True):
            ids = [index for row in rows for index in row.ids[row.start :]]
            assert ids == reads(one.response, add_special_tokens=False)["input_ids"], one
