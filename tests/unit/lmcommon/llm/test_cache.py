"""The cache: a changed request is a miss, one file serves many processes."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.llm import (
    CachedModel,
    ChatRequest,
    Message,
    ModelFailure,
    OpenAIChat,
    Sampling,
    ScoreRequest,
    ScriptedModel,
    TokenLogprob,
    chat,
)
from lmcommon.llm.cache_store import ReplyStore, request_key
from lmcommon.testing.stub_server import StubServer

IDENTITY: Mapping[str, Any] = {"kind": "test", "model": "a"}
TEXT = st.text(max_size=12)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT),
    min_size=1,
    max_size=3,
).map(tuple)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.sampled_from([0.5, 1.0]),
    top_k=st.none() | st.integers(1, 3),
    max_tokens=st.integers(1, 3),
    stop=st.lists(TEXT, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2),
    logprobs=st.booleans(),
    top_logprobs=st.integers(0, 2),
)
SCHEMAS = st.none() | st.dictionaries(TEXT, st.integers(0, 1) | TEXT, max_size=2)
REQUESTS = st.builds(
    ChatRequest, messages=MESSAGES, sampling=SAMPLINGS, schema=SCHEMAS, draw=st.integers(0, 2)
)
SCORES = st.builds(
    ScoreRequest,
    messages=st.lists(st.builds(Message, st.just("user"), TEXT), max_size=2).map(tuple),
    continuation=st.text(min_size=1, max_size=12),
)


def counting(reply: str = "yes") -> ScriptedModel:
    return ScriptedModel(lambda request: reply, name="counting")


@settings(deadline=None)
@given(REQUESTS, REQUESTS)
def test_keys_are_equal_only_for_equal_requests(first: ChatRequest, second: ChatRequest) -> None:
    # Two schemas with their keys in another order are different prompts.
    same = first == second and json.dumps(first.schema) == json.dumps(second.schema)
    assert (request_key(first, IDENTITY) == request_key(second, IDENTITY)) == same


@settings(deadline=None)
@given(REQUESTS, st.data())
def test_a_change_of_any_field_changes_the_key(request_: ChatRequest, data: st.DataObject) -> None:
    other = data.draw(REQUESTS)
    for name in [field.name for field in fields(ChatRequest)]:
        changed = replace(request_, **{name: getattr(other, name)})
        if changed != request_:
            assert request_key(changed, IDENTITY) != request_key(request_, IDENTITY), name
    for name in [field.name for field in fields(Sampling)]:
        value = getattr(other.sampling, name)
        changed = replace(request_, sampling=replace(request_.sampling, **{name: value}))
        if changed != request_:
            assert request_key(changed, IDENTITY) != request_key(request_, IDENTITY), name


@settings(deadline=None)
@given(SCORES, SCORES)
def test_score_keys_are_equal_only_for_equal_requests(
    first: ScoreRequest, second: ScoreRequest
) -> None:
    assert (request_key(first, IDENTITY) == request_key(second, IDENTITY)) == (first == second)


def test_borders_between_messages_count() -> None:
    joined = ChatRequest(messages=(Message("user", "ab"),))
    split = ChatRequest(messages=(Message("user", "a"), Message("user", "b")))
    assert request_key(joined, IDENTITY) != request_key(split, IDENTITY)


def test_halves_of_a_character_are_not_the_character() -> None:
    assert request_key(chat("\ud83d\ude00"), IDENTITY) != request_key(chat("😀"), IDENTITY)


def test_another_model_is_a_miss_and_the_order_of_its_facts_is_not() -> None:
    request = chat("a")
    assert request_key(request, IDENTITY) != request_key(request, {**IDENTITY, "model": "b"})
    backwards = dict(reversed(list(IDENTITY.items())))
    assert request_key(request, IDENTITY) == request_key(request, backwards)


def test_keys_do_not_change_between_versions() -> None:
    """If this fails, recorded caches are lost: raise `FORMAT` and say so in the changelog."""
    request = chat("Where does Ana live?", system="Be brief.", schema={"type": "object"}, draw=2)
    score = ScoreRequest(messages=(Message("user", "a"),), continuation="b")
    assert request_key(request, IDENTITY)[:16] == "094542d554d4093f"
    assert request_key(score, IDENTITY)[:16] == "3b6d05838369ad31"


def test_a_hit_is_the_same_answer_without_a_call(tmp_path: Path) -> None:
    inner = ScriptedModel(
        ["one two"],
        logprobs=lambda request, text: [TokenLogprob("one", -0.1, (("one", -0.1), ("un", -3.25)))],
    )
    request = chat("a", sampling=Sampling(logprobs=True))
    with_cache = CachedModel(inner, tmp_path / "c.sqlite")
    first = with_cache.generate([request])[0]
    second = with_cache.generate([request])[0]
    with_cache.close()
    assert not first.cached
    assert second == replace(first, cached=True, usage=replace(first.usage, calls=0, cost_usd=0.0))
    assert len(inner.requests) == 1


def test_parsed_values_come_back(tmp_path: Path) -> None:
    inner = ScriptedModel(['{"x": [1, null, "é"]}'])
    model = CachedModel(inner, tmp_path / "c.sqlite")
    request = chat("a", schema={"type": "object"})
    assert [model.generate([request])[0].parsed for _ in range(2)] == [{"x": [1, None, "é"]}] * 2
    model.close()


def test_scores_are_kept(tmp_path: Path) -> None:
    calls: list[ScoreRequest] = []

    def scores(request: ScoreRequest) -> float:
        calls.append(request)
        return -2.5

    model = CachedModel(ScriptedModel([], scores=scores), tmp_path / "c.sqlite")
    request = ScoreRequest(messages=(Message("user", "a"),), continuation="in Oslo")
    assert [model.score([request])[0].logprob for _ in range(2)] == [-2.5, -2.5]
    assert len(calls) == 1
    model.close()


def test_draws_are_independent(tmp_path: Path) -> None:
    model = CachedModel(ScriptedModel(["a", "b", "c"]), tmp_path / "c.sqlite")
    requests = [chat("x", draw=draw) for draw in range(3)]
    assert [response.text for response in model.generate(requests)] == ["a", "b", "c"]
    assert [response.text for response in model.generate(requests[::-1])] == ["c", "b", "a"]
    model.close()


def test_the_same_request_twice_in_a_batch_is_called_once(tmp_path: Path) -> None:
    inner = counting()
    model = CachedModel(inner, tmp_path / "c.sqlite")
    responses = model.generate([chat("a"), chat("b"), chat("a")])
    assert [response.cached for response in responses] == [False, False, True]
    assert len(inner.requests) == 2
    model.close()


def test_failures_are_not_stored(tmp_path: Path) -> None:
    inner = ScriptedModel([ModelFailure(kind="timeout", message="slow"), "fine"])
    model = CachedModel(inner, tmp_path / "c.sqlite")
    first, again = model.generate([chat("a"), chat("a")])
    assert not first.ok
    assert not again.ok
    assert model.generate([chat("a")])[0].text == "fine"
    model.close()


def test_replay_never_calls_and_a_miss_is_an_item(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    recorder = CachedModel(counting(), path)
    recorder.generate([chat("a")])
    recorder.close()
    inner = counting("other")
    model = CachedModel(inner, path, mode="replay")
    hit, miss = model.generate([chat("a"), chat("b")])
    assert hit.text == "yes"
    assert miss.failure is not None
    assert miss.failure.kind == "replay_miss"
    assert asyncio.run(model.agenerate([chat("a")]))[0].cached
    assert inner.requests == []
    model.close()


def test_refuse_names_the_request(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    recorder = CachedModel(counting(), path)
    recorder.generate([chat("a")])
    recorder.close()
    model = CachedModel(counting(), path, mode="refuse")
    assert model.generate([chat("a")])[0].cached
    with pytest.raises(UserError, match=r"1 of 2 requests.*number 1.*Where does Ana live"):
        model.generate([chat("a"), chat("Where does Ana live?")])
    model.close()


def test_refresh_replaces(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    for reply, mode, expected in (
        ("old", "record", "old"),
        ("new", "record", "old"),
        ("new", "refresh", "new"),
        ("newer", "record", "new"),
    ):
        model = CachedModel(counting(reply), path, mode=mode)
        assert model.generate([chat("a")])[0].text == expected
        model.close()


def test_what_a_killed_batch_had_finished_is_kept(tmp_path: Path) -> None:
    class Dying(ScriptedModel):
        def generate(self, requests: Any) -> Any:
            if len(self.requests) >= 4:
                raise KeyboardInterrupt
            return super().generate(requests)

    requests = [chat(str(number)) for number in range(8)]
    model = CachedModel(Dying(lambda r: "yes", name="counting"), tmp_path / "c.sqlite", chunk=2)
    with pytest.raises(KeyboardInterrupt):
        model.generate(requests)
    model.close()
    inner = Dying(lambda r: "yes", name="counting")
    resumed = CachedModel(inner, tmp_path / "c.sqlite", chunk=2)
    assert all(response.ok for response in resumed.generate(requests))
    assert len(inner.requests) == 4
    resumed.close()


@pytest.mark.parametrize("is_async", [False, True])
def test_answers_of_an_endpoint_are_kept_while_the_slowest_is_waited_for(
    tmp_path: Path, is_async: bool
) -> None:
    path, may_answer = tmp_path / "c.sqlite", threading.Event()

    def reply(body: Mapping[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        if asked == "0":
            assert may_answer.wait(timeout=60)
        return f"to {asked}"

    requests = [chat(str(number)) for number in range(6)]
    with StubServer(reply) as server:
        inner = OpenAIChat("stub", base_url=server.base_url, api_key_env=None)
        model = CachedModel(inner, path)
        told: list[list[str]] = []

        def ask() -> None:
            got = asyncio.run(model.agenerate(requests)) if is_async else model.generate(requests)
            told.append([one.text for one in got])

        thread = threading.Thread(target=ask)
        thread.start()
        store = ReplyStore(path, must_exist=False)
        deadline = time.monotonic() + 60
        while len(store) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        before = len(store)
        may_answer.set()
        thread.join(timeout=60)
        after = len(store)
        store.close()
        model.close()
    assert (before, after) == (5, 6)
    assert told == [[f"to {number}" for number in range(6)]]


def test_an_endpoint_is_asked_for_all_that_is_missing_at_once(tmp_path: Path) -> None:
    with StubServer(lambda body: "yes", latency_s=0.2) as server:
        inner = OpenAIChat("stub", base_url=server.base_url, api_key_env=None, concurrency=6)
        model = CachedModel(inner, tmp_path / "c.sqlite", chunk=1)
        assert all(one.ok for one in model.generate([chat(str(n)) for n in range(6)]))
        assert server.max_at_once == 6
        model.close()


@pytest.mark.parametrize("mode", ["replay", "refuse"])
def test_there_must_be_something_to_replay(tmp_path: Path, mode: str) -> None:
    with pytest.raises(UserError, match="does not exist"):
        CachedModel(counting(), tmp_path / "none.sqlite", mode=mode)
    assert not (tmp_path / "none.sqlite").exists()


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cache\.mode.*'on'"):
        CachedModel(counting(), tmp_path / "c.sqlite", mode="on")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = CachedModel(counting(), tmp_path / "file" / "c.sqlite")
    with pytest.raises(UserError, match=r"cache: .*c\.sqlite"):
        model.check()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)
    model = CachedModel(counting(), path)
    with pytest.raises(UserError, match=r"notes\.txt"):
        model.generate([chat("a")])
    assert path.read_text().startswith("Dear diary")
    model.close()


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    model = CachedModel(counting(), path)
    with pytest.raises(UserError, match="another program"):
        model.check()
    model.close()
    assert path.read_bytes() == before


def test_a_damaged_row_is_an_error_not_a_miss(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    model = CachedModel(counting(), path)
    model.generate([chat("a")])
    model.close()
    damaged = sqlite3.connect(path)
    damaged.execute("UPDATE replies SET response = '{'")
    damaged.commit()
    damaged.close()
    model = CachedModel(counting(), path)
    with pytest.raises(UserError, match="cannot be read"):
        model.generate([chat("a")])
    model.close()


RECORDER = """
import json, sys
from lmcommon.llm import CachedModel, ScriptedModel, chat

name, path = sys.argv[1:]
model = CachedModel(ScriptedModel(lambda r: f"{name} {r.messages[0].content}", name="x"), path)
first = [r.text for r in model.generate([chat(str(number)) for number in range(40)])]
again = model.generate([chat(str(number)) for number in range(40)])
model.close()
assert all(response.cached for response in again)
print(json.dumps([first, [response.text for response in again]]))
"""


def test_four_processes_agree(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", RECORDER, f"p{number}", str(tmp_path / "c.sqlite")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    results = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    assert all(first == again for first, again in results)
    assert len({json.dumps(again) for _, again in results}) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_connection_is_not_carried_over_a_fork(tmp_path: Path) -> None:
    model = CachedModel(counting(), tmp_path / "c.sqlite")
    model.generate([chat("parent")])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(model.generate([chat("child")])[0].ok))
    child.start()
    assert queue.get(timeout=30)
    child.join()
    assert model.generate([chat("child")])[0].cached
    model.close()
