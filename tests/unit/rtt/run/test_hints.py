from __future__ import annotations

from typing import Any

import pytest

from rtt.relevance.config import DiscriminatorServerSource, DiscriminatorSource, SpanSource
from rtt.run.hints import noise_hint
from rtt.train.advantage import Credit

LEARNED = DiscriminatorSource(folder="somewhere")
SERVED = DiscriminatorServerSource(url="http://127.0.0.1:8010")


@pytest.mark.parametrize("relevance", [LEARNED, SERVED])
@pytest.mark.parametrize("scheme", ["intra", "baseline_intra"])
def test_noise_that_would_earn_credit_is_named_with_its_cure(relevance: Any, scheme: str) -> None:
    hint = noise_hint(relevance, Credit(scheme=scheme))
    assert hint is not None
    assert "credit.floor=0.05" in hint


@pytest.mark.parametrize(
    ("relevance", "credit"),
    [
        (None, Credit()),
        (SpanSource(), Credit()),
        (LEARNED, Credit(floor=0.05)),
        (LEARNED, Credit(threshold=0.5)),
        (LEARNED, Credit(scheme="none")),
        (LEARNED, Credit(scheme="baseline_times_relevance")),
    ],
)
def test_nothing_is_said_where_there_is_no_such_noise(relevance: Any, credit: Credit) -> None:
    assert noise_hint(relevance, credit) is None
