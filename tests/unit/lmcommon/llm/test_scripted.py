"""The scripted model: whose reply comes when."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.llm import (
    ModelFailure,
    Sampling,
    ScoreRequest,
    ScriptedModel,
    TokenLogprob,
    chat,
)
from lmcommon.llm.scripted import truncate, word_tokens


def test_a_list_is_used_up_in_order_then_fails() -> None:
    responses = ScriptedModel(["a", "b"]).generate([chat("1"), chat("2"), chat("3")])
    assert [response.text for response in responses] == ["a", "b", ""]
    assert responses[2].failure is not None
    assert responses[2].failure.kind == "internal"


def test_a_mapping_prefers_the_whole_message_then_the_longest_key() -> None:
    model = ScriptedModel({"live": "a", "Ana live": "b", "Where does Ana live?": "c", "": "d"})
    asked = ["Where does Ana live?", "Does Ana live?", "They live.", "Hm."]
    texts = [response.text for response in model.generate([chat(text) for text in asked])]
    assert texts == ["c", "b", "a", "d"]


def test_a_message_without_key_is_a_failure() -> None:
    response = ScriptedModel({"x": "y"}).generate([chat("Hello")])[0]
    assert response.failure is not None
    assert "Hello" in response.failure.message


def test_failures_can_be_rehearsed() -> None:
    failure = ModelFailure(kind="timeout", message="too slow", attempts=3)
    response = ScriptedModel([failure]).generate([chat("Hello")])[0]
    assert response.failure == failure
    assert response.usage.calls == 3


def test_a_text_is_not_a_script() -> None:
    with pytest.raises(ValueError, match="expected a list"):
        ScriptedModel("reply")


def test_requests_are_kept_with_repairs() -> None:
    model = ScriptedModel(["no json", "1"])
    response = model.generate([chat("Count.", schema={"type": "integer"})])[0]
    assert response.parsed == 1
    assert len(model.requests) == 2


def test_logprobs_of_a_script_are_certain_unless_given() -> None:
    asked = chat("x", sampling=Sampling(logprobs=True, top_logprobs=1))
    sure = ScriptedModel(["a b"]).generate([asked])[0].logprobs
    assert sure == (TokenLogprob("a", 0.0, (("a", 0.0),)), TokenLogprob(" b", 0.0, ((" b", 0.0),)))
    given_ = ScriptedModel(["a"], logprobs=lambda request, text: [TokenLogprob(text, -1.0)])
    assert given_.generate([asked])[0].logprobs == (TokenLogprob("a", -1.0),)


def test_a_score_may_be_total_tokens_or_failure() -> None:
    request = ScoreRequest(messages=(), continuation="in Oslo")
    assert ScriptedModel([], scores=lambda r: -3.0).score([request])[0].logprob == -3.0
    tokens = [TokenLogprob("in Oslo", -2.0)]
    assert ScriptedModel([], scores=lambda r: tokens).score([request])[0].tokens == tuple(tokens)
    failure = ModelFailure(kind="server", message="down")
    assert ScriptedModel([], scores=lambda r: failure).score([request])[0].failure == failure
    assert ScriptedModel([]).score([request])[0].failure is not None


def test_identity_tells_scripts_apart() -> None:
    identities = [
        ScriptedModel(script).identity for script in (["a"], ["b"], {"": "a"}, lambda r: "a")
    ]
    assert len({str(identity) for identity in identities}) == 4


@settings(deadline=None)
@given(st.text())
def test_words_join_to_the_text(text: str) -> None:
    assert "".join(word_tokens(text)) == text


@settings(deadline=None)
@given(
    st.text(alphabet="ab .", max_size=30), st.integers(1, 5), st.lists(st.text("ab", max_size=2))
)
def test_truncation_is_a_prefix_without_stop(text: str, limit: int, stop: list[str]) -> None:
    cut, _ = truncate(text, max_tokens=limit, stop=stop)
    assert text.startswith(cut)
    assert len(word_tokens(cut)) <= limit
    assert not any(mark in cut for mark in stop if mark)


def test_a_single_text_to_stop_at_is_refused() -> None:
    with pytest.raises(ValueError, match="stop, a tuple of texts"):
        Sampling(stop="END")  # type: ignore[arg-type]


def test_a_model_that_does_not_remember_keeps_no_request() -> None:
    model = ScriptedModel({"": "yes"}, remembers=False)
    model.generate([chat("Why?")])
    assert model.requests == []
