import numpy as np
import pytest

from lmcommon.testing.hash_embedder import HashEmbedder
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator.encoding import Asked
from rtt.policy.pretrained import PretrainedPolicy
from rtt.relevance.floors import (
    AllOnes,
    AllZeros,
    CharacterRelevance,
    ContrastFloor,
    EmbeddingSimilarity,
    KeywordOverlap,
)


def marked(source: CharacterRelevance, criterion: str, response: str) -> list[str]:
    """The marked stretches of the response."""
    (told,) = source.relevances([Asked(criterion, response)])
    signs = [sign if value >= 0.5 else "\0" for sign, value in zip(response, told, strict=True)]
    return [part for part in "".join(signs).split("\0") if part.strip()]


def test_ones_and_zeros_say_the_same_of_every_character() -> None:
    pairs = [Asked("c", "abc"), Asked("c", "")]
    assert [one.tolist() for one in AllOnes().relevances(pairs)] == [[1.0] * 3, []]
    assert [one.tolist() for one in AllZeros().relevances(pairs)] == [[0.0] * 3, []]


@pytest.mark.parametrize(
    ("criterion", "response", "expected"),
    [
        ('The word "dune" occurs.', "Dune and dunes, DUNE", ["Dune", "DUNE"]),
        ('End with "see you soon".', "So, See you soon!", ["See you soon"]),
        ("Do not use commas.", "commas, never", ["commas"]),
        ("Write about the whale.", "No fish here", []),
        ('Use a postscript: "P.S."', "Hi\nP.S. bye", ["P.S."]),
    ],
)
def test_words_and_quotations_of_the_criterion_are_marked(
    criterion: str, response: str, expected: list[str]
) -> None:
    assert marked(KeywordOverlap(), criterion, response) == expected


def test_the_sentence_nearest_in_meaning_scores_highest() -> None:
    source = EmbeddingSimilarity(embedder=HashEmbedder(64))
    response = "The whale sings. My bike is red.\nShort line"
    (told,) = source.relevances([Asked("The whale sings.", response)])
    assert told[0] == pytest.approx(1.0, abs=1e-5)
    assert told[0] > told[20]
    assert told[response.index("\n")] == 0.0
    assert len({*told[:16].tolist()}) == 1


def test_windows_of_words_may_take_the_place_of_sentences() -> None:
    source = EmbeddingSimilarity(embedder=HashEmbedder(64), window=2)
    (told,) = source.relevances([Asked("red bike", "a b red bike c d")])
    assert told[4] == pytest.approx(1.0, abs=1e-5)
    assert told[4] > told[0]


def test_contrast_is_the_sigmoid_of_the_difference_of_two_likelihoods(tmp_path: object) -> None:
    folder = make_tiny_lm(tmp_path, seed=2)  # type: ignore[arg-type]
    policy = PretrainedPolicy(path=str(folder), chat=False).build()
    source = ContrastFloor(policy=policy)
    task = Asked("Say dune.", "amber dune", "Write two words.")
    told, empty, again = source.relevances([task, Asked("c", ""), task])
    np.testing.assert_allclose(told, again, atol=1e-5)
    assert empty.shape == (0,)
    assert told.shape == (10,)
    assert ((told > 0) & (told < 1)).any()
    assert len({round(float(one), 6) for one in told}) > 1


def test_contrast_takes_a_criterion_out_of_the_task_that_holds_it(tmp_path: object) -> None:
    folder = make_tiny_lm(tmp_path, seed=2)  # type: ignore[arg-type]
    policy = PretrainedPolicy(path=str(folder), chat=False).build()
    inside = Asked("Say dune.", "amber dune", "Write two words. Say dune.")
    (told,) = ContrastFloor(policy=policy).relevances([inside])
    assert not np.allclose(told, 0.5)
