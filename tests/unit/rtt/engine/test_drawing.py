"""Drawing tokens from uniform numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lmcommon.errors import UserError
from rtt.engine.drawing import Sampling, draw, uniforms

LOGITS = torch.tensor([0.5, 0.2, 0.2, 0.1]).log()


def drawn(sampling: Sampling, count: int = 20_000) -> list[float]:
    """Frequency of each token over evenly spaced numbers."""
    numbers = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    token, _ = draw(LOGITS.expand(count, -1), numbers, sampling)
    return (torch.bincount(token, minlength=4) / count).tolist()


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [0.5, 0.2, 0.2, 0.1]),
        (Sampling(top_p=0.5), [1, 0, 0, 0]),
        (Sampling(top_p=0.95), [0.5, 0.2, 0.2, 0.1]),
        (Sampling(top_p=0.85), [0.5 / 0.9, 0.2 / 0.9, 0.2 / 0.9, 0]),
        (Sampling(top_k=1), [1, 0, 0, 0]),
        (Sampling(top_k=100), [0.5, 0.2, 0.2, 0.1]),
        (Sampling(top_k=3, top_p=0.5), [1, 0, 0, 0]),
    ],
)
def test_tokens_come_with_their_probability(sampling: Sampling, expected: list[float]) -> None:
    assert drawn(sampling) == pytest.approx(expected, abs=2e-4)


def test_the_logprob_is_that_before_truncation() -> None:
    token, logprob = draw(LOGITS.expand(1, -1), torch.tensor([0.9]).double(), Sampling(top_k=1))
    assert token.tolist() == [0]
    assert logprob.exp().item() == pytest.approx(0.5)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_the_ends_of_the_interval_never_give_a_token_without_mass(number: float) -> None:
    logits = torch.tensor([[-torch.inf, 0.0, 0.0, -torch.inf]])
    token, _ = draw(logits, torch.tensor([number]).double(), Sampling())
    assert token.item() in (1, 2)


def test_numbers_of_a_prompt_depend_on_seed_and_place() -> None:
    first = uniforms(3, 5, 2, 4)
    assert torch.equal(first, uniforms(3, 5, 2, 4))
    assert not torch.equal(first, uniforms(3, 6, 2, 4))
    assert not torch.equal(first, uniforms(4, 5, 2, 4))
    assert first.shape == (2, 4)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sampling(temperature=0), "sampling.temperature: expected a number above 0"),
        (lambda: Sampling(top_p=0), "sampling.top_p"),
        (lambda: Sampling(top_k=-1), "sampling.top_k"),
    ],
)
def test_bad_settings_name_the_key(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()
