"""Rankings: right, stable, and fused as the formula says."""

from __future__ import annotations

import pytest

from memtrace.memory.index import Bm25Index, fuse

TEXTS = ["Ana moved to Lisbon", "Bo has a dog called Pickle", "rain again", "Ana and Bo met"]


def test_bm25_finds_the_text_with_the_words_of_the_query() -> None:
    index = Bm25Index()
    index.add(TEXTS)
    assert index.search("What is the dog called?", 1)[0][0] == 1


def test_bm25_puts_equal_scores_in_order_of_time() -> None:
    index = Bm25Index()
    index.add(["rain again", "rain again", "sun"])
    assert [place for place, _ in index.search("rain", 3)] == [0, 1, 2]


@pytest.mark.parametrize("query", ["", "?!", "the of and", "zebra"])
def test_bm25_answers_a_query_it_knows_no_word_of(query: str) -> None:
    index = Bm25Index()
    index.add(TEXTS)
    assert index.search(query, 2) == [(0, 0.0), (1, 0.0)]


@pytest.mark.parametrize("texts", [[""], ["?", "!"], ["the of"], ["a"]])
def test_bm25_takes_texts_without_words(texts: list[str]) -> None:
    index = Bm25Index()
    index.add(texts)
    assert len(index.search("dog", 9)) == len(texts)


def test_adding_in_parts_is_adding_at_once() -> None:
    whole, parts = Bm25Index(), Bm25Index()
    whole.add(TEXTS)
    for text in TEXTS:
        parts.add([text])
        parts.search("Ana", 1)
    assert parts.search("Ana dog", 4) == whole.search("Ana dog", 4)


def test_fusion_sums_reciprocal_ranks() -> None:
    fused = fuse([[(7, 0.9), (3, 0.8)], [(3, 12.0)]], 5)
    assert fused == [(3, pytest.approx(1 / 62 + 1 / 61)), (7, pytest.approx(1 / 61))]
