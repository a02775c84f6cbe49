"""LocalModel on a tiny random model: the facts that batching, prefixes and sampling must keep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.llm import ChatRequest, LocalModel, Message, Sampling, ScoreRequest, chat

torch = pytest.importorskip("torch", reason="needs lmcommon[hf]")
pytest.importorskip("transformers", reason="needs lmcommon[hf]")

PARK = "The park opens at nine and the old library closes at six. " * 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lmcommon.testing.tiny_lm import make_tiny_lm

    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), context=1024)


@pytest.fixture(scope="module")
def model(folder: Path) -> LocalModel:
    return LocalModel(folder, device="cpu")


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


def mixed_requests(**sampling: Any) -> list[ChatRequest]:
    """Short, long, equal and prefix-sharing prompts."""
    texts = ["a", PARK, "When?", PARK + "When does it open?", "a", PARK + "Where?", "b " * 60]
    return [chat(text, sampling=Sampling(max_tokens=12, **sampling)) for text in texts]


def logprobs_of(response: Any) -> list[float]:
    return [token.logprob for token in response.logprobs]


@pytest.mark.slow
def test_a_batch_answers_as_each_request_alone(folder: Path) -> None:
    requests = mixed_requests(logprobs=True)
    together = LocalModel(folder, device="cpu").generate(requests)
    plain = LocalModel(folder, device="cpu", reuse_prefix=False)
    for request, batched in zip(requests, together, strict=True):
        alone = plain.generate([request])[0]
        assert batched.text == alone.text
        assert logprobs_of(batched) == pytest.approx(logprobs_of(alone), abs=1e-4)


def test_greedy_equals_the_library(model: LocalModel, reference: Any) -> None:
    request = chat(PARK, sampling=Sampling(max_tokens=20))
    engine = model._engine()
    prompt = engine.tokens.prompt(request.messages)
    whole = reference.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0]
    expected = engine.tokens.text(whole[len(prompt) :].tolist())
    assert model.generate([request])[0].text == expected


def test_logprobs_equal_the_library(model: LocalModel, reference: Any) -> None:
    request = chat("Hello", sampling=Sampling(max_tokens=10, logprobs=True, top_logprobs=3))
    response = model.generate([request])[0]
    engine = model._engine()
    prompt = engine.tokens.prompt(request.messages)
    with torch.no_grad():
        logits = reference(torch.tensor([prompt])).logits[0, -1]
    assert response.logprobs is not None
    expected = logits.log_softmax(0).topk(3).values.tolist()
    assert [value for _, value in response.logprobs[0].top] == pytest.approx(expected, abs=1e-4)
    assert response.logprobs[0].logprob == pytest.approx(expected[0], abs=1e-4)


@pytest.mark.parametrize("reuse_prefix", [True, False])
def test_scores_equal_one_forward_pass(folder: Path, reference: Any, reuse_prefix: bool) -> None:
    requests = [
        ScoreRequest(messages=(Message("user", text),), continuation=continuation)
        for text in (PARK, PARK + "When?", "short")
        for continuation in ("yes", "no, at nine", "y")
    ]
    model = LocalModel(folder, device="cpu", reuse_prefix=reuse_prefix, max_batch=4)
    engine = model._engine()
    for request, response in zip(requests, model.score(requests), strict=True):
        context, continuation = engine.tokens.scored(request)
        ids = torch.tensor([[*context, *continuation]])
        with torch.no_grad():
            table = reference(ids).logits[0].log_softmax(-1)
        expected = [
            float(table[len(context) - 1 + at, token]) for at, token in enumerate(continuation)
        ]
        assert [t.logprob for t in response.tokens] == pytest.approx(expected, abs=1e-4), request


def test_scores_of_a_reply_equal_its_generation(model: LocalModel) -> None:
    sampling = Sampling(temperature=2.0, seed=0, max_tokens=3, logprobs=True)
    requests = [chat("Say it", sampling=sampling, draw=draw) for draw in range(100)]
    replies = zip(requests, model.generate(requests), strict=True)
    # Only whole characters come back as the same tokens.
    request, reply = next((q, r) for q, r in replies if r.text.isascii() and len(r.text) == 3)
    scored = model.score([ScoreRequest(messages=request.messages, continuation=reply.text)])[0]
    assert [t.logprob for t in scored.tokens] == pytest.approx(logprobs_of(reply), abs=1e-4)


def test_chunked_scoring_changes_nothing(
    folder: Path, model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmcommon.llm.hf import forward

    request = ScoreRequest(messages=(), continuation=PARK)
    whole = model.score([request])[0]
    monkeypatch.setattr(forward, "_LOGITS_BYTES", 4 * 264 * 7)
    chunked = LocalModel(folder, device="cpu").score([request])[0]
    assert chunked.logprob == pytest.approx(whole.logprob, rel=1e-5)


def test_plain_text_is_scored_from_its_first_token(model: LocalModel) -> None:
    response = model.score([ScoreRequest(messages=(), continuation="abc")])[0]
    assert [token.token for token in response.tokens] == ["a", "b", "c"]


def test_the_score_adds_up_over_a_cut_of_the_text(model: LocalModel) -> None:
    """p(ab | x) = p(a | x) p(b | xa), through the plain-text route: no template in between."""
    whole = model.score([ScoreRequest(messages=(), continuation=PARK[:40])])[0]
    parts = model.score([ScoreRequest(messages=(), continuation=PARK[:n]) for n in range(1, 41)])
    assert whole.logprob == pytest.approx(parts[-1].logprob, abs=1e-3)
    assert parts[4].logprob == pytest.approx(sum(t.logprob for t in whole.tokens[:5]), abs=1e-3)


def test_a_seed_fixes_the_sample_whatever_the_batch(model: LocalModel) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.9, top_k=40, max_tokens=16, seed=5)
    request = chat("Tell me", sampling=sampling)
    noise = mixed_requests(temperature=1.5, seed=1)
    alone = model.generate([request])[0].text
    assert model.generate([*noise, request])[-1].text == alone


def test_draws_of_one_seed_differ(model: LocalModel) -> None:
    sampling = Sampling(temperature=1.0, max_tokens=16, seed=5)
    texts = [
        r.text for r in model.generate([chat("x", sampling=sampling, draw=d) for d in range(6)])
    ]
    assert len(set(texts)) == 6, texts


def test_sampling_follows_the_distribution() -> None:
    from lmcommon.llm.hf.decode import choose, generator_for

    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    generator = generator_for(0)

    def share(sampling: Sampling) -> list[float]:
        drawn = [choose(logits, sampling, generator) for _ in range(4000)]
        return [drawn.count(token) / 4000 for token in range(4)]

    assert share(Sampling(temperature=1.0)) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    assert share(Sampling(temperature=1.0, top_k=2)) == pytest.approx(
        [0.625, 0.375, 0, 0], abs=0.03
    )
    assert share(Sampling(temperature=1.0, top_p=0.6)) == pytest.approx(
        [0.625, 0.375, 0, 0], abs=0.03
    )
    assert share(Sampling(temperature=0.5)) == pytest.approx(
        [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365], abs=0.03
    )


def test_a_stop_string_ends_the_text_before_it(model: LocalModel) -> None:
    free = model.generate([chat("Hi", sampling=Sampling(max_tokens=40))])[0].text
    mark = next(a + b for a, b in itertools.pairwise(free) if (a + b).isascii())
    sampling = Sampling(max_tokens=40, stop=(mark,), logprobs=True)
    cut = model.generate([chat("Hi", sampling=sampling)])[0]
    assert cut.text == free[: free.index(mark)]
    assert cut.finish_reason == "stop"
    assert cut.logprobs is not None
    assert "".join(t.token for t in cut.logprobs).startswith(cut.text)
    assert len(cut.logprobs) < cut.usage.completion_tokens


def test_max_tokens_is_a_length_finish(model: LocalModel) -> None:
    response = model.generate([chat("Hi", sampling=Sampling(max_tokens=3))])[0]
    assert (response.finish_reason, response.usage.completion_tokens) == ("length", 3)


def test_a_prompt_beyond_the_context_is_a_failed_item(model: LocalModel) -> None:
    long, short = model.generate([chat("x" * 2000), chat("x", sampling=Sampling(max_tokens=2))])
    assert long.failure is not None
    assert long.failure.kind == "too_long"
    assert "1024" in long.failure.message
    assert short.ok


def test_scoring_beyond_the_context_is_a_failed_item(model: LocalModel) -> None:
    response = model.score([ScoreRequest(messages=(), continuation="x" * 2000)])[0]
    assert response.failure is not None
    assert response.failure.kind == "too_long"


def test_a_held_prefix_changes_no_answer(folder: Path) -> None:
    model = LocalModel(folder, device="cpu")
    fresh = LocalModel(folder, device="cpu", reuse_prefix=False)
    context = PARK * 3
    for question in ("When?", "Where is it?", "When?"):
        request = chat(context + question, sampling=Sampling(max_tokens=8, logprobs=True))
        one, two = model.generate([request])[0], fresh.generate([request])[0]
        assert one.text == two.text
        assert logprobs_of(one) == pytest.approx(logprobs_of(two), abs=1e-4)
    assert len(model._engine().forward.held.ids) > 100


def test_pieces_join_to_the_text_also_inside_characters(model: LocalModel) -> None:
    tokens = model._engine().tokens
    ids = tokens._encode("naïve — 漢字 🙂 end")
    assert "".join(tokens.pieces(ids)) == tokens.text(ids)
    assert "".join(tokens.pieces(ids[:5])) == tokens.text(ids[:5])


def test_identity_needs_no_weights_in_memory(folder: Path) -> None:
    model = LocalModel(folder)
    assert model.identity["sha256"]
    assert model._loaded is None


def test_identity_follows_the_weights(folder: Path, tmp_path: Path) -> None:
    from lmcommon.testing.tiny_lm import make_tiny_lm

    other = make_tiny_lm(tmp_path / "other", seed=1, context=1024)
    assert LocalModel(folder).identity["sha256"] != LocalModel(other).identity["sha256"]


def test_a_missing_model_names_the_options() -> None:
    with pytest.raises(UserError, match=r"cannot load the model 'no/such'.*smollm2"):
        LocalModel("no/such").check()


def test_a_model_without_template_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=r"no chat template"):
        LocalModel(bare).generate([chat("x")])


def test_closing_and_using_again_works(folder: Path) -> None:
    model = LocalModel(folder, device="cpu")
    request = chat("x", sampling=Sampling(max_tokens=3))
    first = model.generate([request])[0].text
    model.close()
    model.close()
    assert model.generate([request])[0].text == first


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_both_architectures_batch_alike(tmp_path: Path, architecture: Any) -> None:
    from lmcommon.testing.tiny_lm import make_tiny_lm

    model = LocalModel(make_tiny_lm(tmp_path, architecture=architecture, context=1024))
    requests = mixed_requests()
    together: Sequence[str] = [r.text for r in model.generate(requests)]
    assert together == [model.generate([request])[0].text for request in requests]
