"""The OpenAI client against a real HTTP server that misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.llm import (
    Budget,
    Meter,
    OpenAIChat,
    Prices,
    RetryPolicy,
    Sampling,
    ScoreRequest,
    Usage,
    chat,
)
from lmcommon.llm.budget import estimate_chat
from lmcommon.testing.stub_replies import stub_logprob
from lmcommon.testing.stub_server import Fault, StubServer

COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
}
SECRET = "sk-very-secret-0123456789"


class HandClock:
    """Notes every wait and lets the time jump."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.waits: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)


class Clients:
    """Makes clients for a server and closes them all."""

    def __init__(self) -> None:
        self.made: list[OpenAIChat] = []

    def __call__(self, server: StubServer, **options: Any) -> OpenAIChat:
        quick = RetryPolicy(attempts=3, base_s=0.001)
        client = OpenAIChat(
            "stub", **{"base_url": server.base_url, "retry": quick, "timeout_s": 20, **options}
        )
        self.made.append(client)
        return client


@pytest.fixture
def connect() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    for client in clients.made:
        client.close()


def kind_of(response: Any) -> str | None:
    return response.failure and response.failure.kind


def ask(text: str = "Hello", **sampling: Any) -> Any:
    return chat(text, sampling=Sampling(**{"max_tokens": 8, **sampling}))


def test_the_body_says_what_was_asked(connect: Clients) -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=4, max_tokens=7, stop=("x",), seed=11, logprobs=True,
        top_logprobs=2,
    )  # fmt: skip
    with StubServer() as server:
        connect(server).generate([chat("Hello", system="Be brief.", sampling=sampling)])
        body = server.received[0].body
    assert body == {
        "model": "stub",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 4,
        "max_tokens": 7,
        "stop": ["x"],
        "seed": 11,
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_neutral_parameters_are_not_sent(connect: Clients) -> None:
    with StubServer() as server:
        connect(server).generate([ask()])
        assert set(server.received[0].body) == {"model", "messages", "temperature", "max_tokens"}


def test_bodies_can_be_adapted(connect: Clients) -> None:
    options = {
        "drop": ["temperature"],
        "extra_body": {"min_p": 0.1},
        "max_tokens_field": "max_completion_tokens",
    }
    with StubServer() as server:
        connect(server, **options).generate([ask()])
        body = server.received[0].body
    assert set(body) == {"model", "messages", "max_completion_tokens", "min_p"}


def test_draws_send_different_seeds(connect: Clients) -> None:
    request = ask(seed=5, temperature=1.0)
    with StubServer() as server:
        connect(server, concurrency=1).generate([replace(request, draw=draw) for draw in range(3)])
        seeds = [received.body["seed"] for received in server.received]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=503, body="<html>busy</html>"),
        Fault(status=408),
        Fault(hang_up=True),
        Fault(body='{"choices": [{"mess'),
        Fault(body='{"choices": []}'),
        Fault(body='"text"'),
    ],
    ids=lambda fault: str(fault.status) + (fault.body or ("hang-up" if fault.hang_up else ""))[:9],
)
def test_a_passing_fault_is_tried_again(connect: Clients, fault: Fault) -> None:
    with StubServer(faults=[fault]) as server:
        response = connect(server).generate([ask()])[0]
        assert len(server.received) == 2
    assert response.text == "You said: Hello"
    assert response.usage.calls == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=429), "rate_limit"),
        (Fault(status=500), "server"),
        (Fault(status=504), "timeout"),
        (Fault(hang_up=True), "connection"),
        (Fault(body="[]"), "server"),
    ],
)
def test_a_lasting_fault_ends_as_a_failure(connect: Clients, fault: Fault, kind: str) -> None:
    with StubServer(faults=[fault] * 3) as server:
        response = connect(server).generate([ask()])[0]
        assert len(server.received) == 3
    assert kind_of(response) == kind
    assert response.failure is not None
    assert response.failure.attempts == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=400), "bad_request"),
        (Fault(status=403), "bad_request"),
        (Fault(status=422), "bad_request"),
        (Fault(status=413), "too_long"),
        (
            Fault(
                status=400,
                body='{"error": {"message": "This model\'s maximum context length is 8 tokens"}}',
            ),
            "too_long",
        ),
        (Fault(status=400, body='{"error": {"code": "context_length_exceeded"}}'), "too_long"),
        (Fault(status=429, body='{"error": {"code": "insufficient_quota"}}'), "rate_limit"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(connect: Clients, fault: Fault, kind: str) -> None:
    with StubServer(faults=[fault]) as server:
        first, second = connect(server, concurrency=1).generate([ask("a"), ask("b")])
        assert len(server.received) == 2
    assert kind_of(first) == kind
    assert second.ok


def test_a_slow_reply_times_out_in_total(connect: Clients) -> None:
    with StubServer(faults=[Fault(delay_s=5)]) as server:
        started = time.monotonic()
        client = connect(server, timeout_s=0.2, retry=RetryPolicy(attempts=1))
        response = client.generate([ask()])[0]
        assert time.monotonic() - started < 4
    assert kind_of(response) == "timeout"


def test_a_timed_out_call_is_charged_in_full(connect: Clients) -> None:
    with StubServer(faults=[Fault(delay_s=5)]) as server:
        client = connect(server, timeout_s=0.2, retry=RetryPolicy(attempts=1))
        response = client.generate([ask()])[0]
    assert response.usage == estimate_chat(ask()) == client.meter.spent


def test_retry_after_is_obeyed(connect: Clients) -> None:
    clock = HandClock()
    faults = [Fault(status=429, headers={"Retry-After": "7"})]
    with StubServer(faults=faults) as server:
        client = connect(server, clock=clock, retry=RetryPolicy(base_s=0.5))
        assert client.generate([ask()])[0].ok
    assert 7 <= sum(clock.waits) <= 8


def test_retry_after_holds_the_other_requests_back(connect: Clients) -> None:
    clock = HandClock()
    faults = [Fault(status=429, headers={"Retry-After": "7"})]
    with StubServer(faults=faults) as server:
        client = connect(server, clock=clock, concurrency=1, retry=RetryPolicy(attempts=1))
        refused, fine = client.generate([ask("a"), ask("b")])
    assert kind_of(refused) == "rate_limit"
    assert fine.ok
    assert clock.time_s >= 7


def test_back_off_grows(connect: Clients) -> None:
    clock = HandClock()

    class Largest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    with StubServer(faults=[Fault(status=500)] * 4) as server:
        policy = RetryPolicy(attempts=5, base_s=0.5, cap_s=3)
        client = connect(server, clock=clock, retry=policy, rng=Largest())
        assert client.generate([ask()])[0].ok
    assert clock.waits == [0.5, 1, 2, 3]


def test_concurrency_is_capped_over_all_callers(connect: Clients) -> None:
    with StubServer(latency_s=0.03) as server:
        client = connect(server, concurrency=3)
        threads = [
            threading.Thread(target=client.generate, args=([ask(str(n)) for n in range(6)],))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.received) == 18
        assert server.max_at_once <= 3


def test_calls_run_at_the_same_time(connect: Clients) -> None:
    with StubServer(latency_s=0.1) as server:
        connect(server, concurrency=8).generate([ask(str(number)) for number in range(8)])
        assert server.max_at_once > 1


def test_requests_a_minute(connect: Clients) -> None:
    clock = HandClock()
    with StubServer() as server:
        client = connect(server, clock=clock, requests_per_minute=60, concurrency=1)
        client.generate([ask(str(number)) for number in range(4)])
    assert clock.time_s == pytest.approx(3)


def test_tokens_a_minute(connect: Clients) -> None:
    clock = HandClock()
    with StubServer() as server:
        client = connect(server, clock=clock, tokens_per_minute=60, concurrency=1)
        responses = client.generate([ask("one two"), ask("one two")])
    used = responses[0].usage.prompt_tokens + responses[0].usage.completion_tokens
    assert clock.time_s == pytest.approx(used)


def test_costs_are_counted(connect: Clients) -> None:
    prices = Prices(usd_per_million_input=1, usd_per_million_output=10)
    with StubServer() as server:
        client = connect(server, prices=prices)
        responses = client.generate([ask("one two"), ask("three")])
    total = sum((response.usage for response in responses), Usage())
    assert client.meter.spent == total
    assert total.cost_usd == pytest.approx((3 + 10 * (4 + 3)) / 1e6)


def test_missing_usage_is_estimated(connect: Clients) -> None:
    body = json.dumps({"choices": [{"message": {"content": "four score and seven"}}]})
    with StubServer(faults=[Fault(body=body)]) as server:
        usage = connect(server).generate([ask()])[0].usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0


def test_a_budget_stops_cleanly(connect: Clients) -> None:
    meter = Meter(Budget(calls=5))
    with StubServer(latency_s=0.01) as server:
        client = connect(server, meter=meter, concurrency=4)
        responses = client.generate([ask(str(number)) for number in range(12)])
        assert len(server.received) == 5
        client.generate([ask("more")])
        assert len(server.received) == 5
    assert [response.ok for response in responses] == [True] * 5 + [False] * 7
    assert {kind_of(response) for response in responses[5:]} == {"budget"}


def test_a_token_budget_is_never_overshot_by_concurrent_calls(connect: Clients) -> None:
    meter = Meter(Budget(tokens=200))
    with StubServer(latency_s=0.005) as server:
        client = connect(server, meter=meter, concurrency=8)
        responses = client.generate([ask(f"question {number}") for number in range(60)])
    spent = meter.spent
    assert spent.prompt_tokens + spent.completion_tokens <= 200
    assert any(response.ok for response in responses)
    assert not all(response.ok for response in responses)


def test_retries_count_against_the_budget(connect: Clients) -> None:
    with StubServer(faults=[Fault(status=500)] * 9) as server:
        client = connect(server, meter=Meter(Budget(calls=2)))
        response = client.generate([ask()])[0]
        assert len(server.received) == 2
    assert kind_of(response) == "budget"
    assert response.failure is not None
    assert "HTTP 500" in response.failure.message


def test_a_schema_is_sent_natively(connect: Clients) -> None:
    with StubServer() as server:
        response = connect(server).generate([replace(ask(), schema=COLOUR)])[0]
        sent = server.received[0].body["response_format"]
    assert sent["json_schema"]["schema"] == COLOUR
    assert response.parsed == {"colour": "x"}


def test_an_endpoint_without_schemas_is_asked_in_words_and_remembered(connect: Clients) -> None:
    def reply(body: Mapping[str, Any]) -> str:
        return '{"colour": "red"}'

    with StubServer(reply, knows_schemas=False) as server:
        client = connect(server)
        request = replace(ask(), schema=COLOUR)
        first, second = client.generate([request])[0], client.generate([request])[0]
        bodies = [received.body for received in server.received]
    assert first.parsed == second.parsed == {"colour": "red"}
    assert ["response_format" in body for body in bodies] == [True, False, False]
    assert json.dumps(COLOUR) in bodies[1]["messages"][-1]["content"]


def test_an_invalid_value_is_repaired_once(connect: Clients) -> None:
    replies = iter(["red", '{"colour": "red"}', "blue", "still blue", '{"colour": "blue"}'])
    with StubServer(lambda body: next(replies)) as server:
        client = connect(server, concurrency=1)
        request = replace(ask(), schema=COLOUR)
        repaired, failed = client.generate([request, request])
        shown = server.received[1].body["messages"]
    assert repaired.parsed == {"colour": "red"}
    assert repaired.usage.calls == 2
    assert shown[-2] == {"role": "assistant", "content": "red"}
    assert kind_of(failed) == "invalid_output"
    assert failed.text == "still blue"


def test_a_malformed_schema_is_never_sent(connect: Clients) -> None:
    with StubServer() as server:
        response = connect(server).generate([replace(ask(), schema={"type": "colour"})])[0]
        assert server.received == []
    assert kind_of(response) == "bad_request"


def test_missing_logprobs_are_a_failure_with_the_text(connect: Clients) -> None:
    body = json.dumps({"choices": [{"message": {"content": "red"}}]})
    with StubServer(faults=[Fault(body=body)]) as server:
        response = connect(server).generate([ask(logprobs=True)])[0]
    assert kind_of(response) == "unsupported"
    assert response.text == "red"


def test_filtered_content_is_a_failure(connect: Clients) -> None:
    choice = {"message": {"content": "r"}, "finish_reason": "content_filter"}
    with StubServer(faults=[Fault(body=json.dumps({"choices": [choice]}))]) as server:
        response = connect(server).generate([ask()])[0]
    assert kind_of(response) == "bad_request"


def test_text_that_cannot_be_encoded_fails_alone(connect: Clients) -> None:
    with StubServer() as server:
        broken, fine = connect(server).generate([ask("\ud800"), ask("a")])
    assert kind_of(broken) == "internal"
    assert fine.ok


@pytest.mark.parametrize("scoring", ["vllm", "completions_echo"])
def test_the_right_tokens_are_scored(connect: Clients, scoring: str) -> None:
    with StubServer() as server:
        client = connect(server, scoring=scoring)
        request = ScoreRequest(messages=ask("Where is Ana?").messages, continuation="Ana is home")
        response = client.score([request])[0]
    # The echo dialect sees one text, so the first word keeps the line break before it.
    got = [token.token.strip() for token in response.tokens]
    assert got == ["Ana", "is", "home"]
    assert response.tokens[1].logprob == stub_logprob(" is")


def test_the_key_comes_from_the_environment_at_call_time(
    connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StubServer(key=SECRET) as server:
        client = connect(server, api_key_env="STUB_KEY")
        monkeypatch.setenv("STUB_KEY", SECRET)
        assert client.generate([ask()])[0].ok
        assert server.received[0].authorization == f"Bearer {SECRET}"


def test_a_refused_key_is_never_shown(connect: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", SECRET)
    with StubServer(key="another") as server:
        client = connect(server, api_key_env="STUB_KEY")
        response = client.generate([ask()])[0]
        with pytest.raises(UserError, match="environment variable STUB_KEY") as refused:
            client.check()
    assert kind_of(response) == "bad_request"
    shown = f"{response} {client!r} {client.identity} {refused.value}"
    assert SECRET not in shown
    assert "***" in shown


def test_a_remote_endpoint_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    client = OpenAIChat("m", base_url="https://models.example.org/v1")
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        client.check()
    client.close()


def test_a_password_in_the_address_is_not_shown() -> None:
    client = OpenAIChat("m", base_url="http://ana:hunter2@127.0.0.1:9/v1?key=hunter2")
    assert "hunter2" not in f"{client!r} {client.identity}"


def test_a_password_in_a_malformed_address_is_not_shown() -> None:
    with pytest.raises(UserError) as refused:
        OpenAIChat("m", base_url="http://ana:hunter2@a:port/v1")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", ["null", "401", 'a"b'])
def test_an_odd_key_is_blotted_out_and_the_status_kept(
    connect: Clients, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("STUB_KEY", key)
    with StubServer(key="another") as server:
        response = connect(server, api_key_env="STUB_KEY").generate([ask()])[0]
    assert kind_of(response) == "bad_request", response.failure
    assert key not in str(response.failure).replace("HTTP 401", "")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8000", "ftp://a/v1", "", "http://", "http://a:b/v1", "http://a:99999/v1",
     "http://[::1/v1"],
)  # fmt: skip
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match=r"base_url: expected an address"):
        OpenAIChat("m", base_url=address)


def test_check_names_an_address_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = OpenAIChat("m", base_url=f"http://127.0.0.1:{port}/v1")
    with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}/v1.*start the server"):
        client.check()
    client.close()


def test_check_lists_the_models_there_are(connect: Clients) -> None:
    with (
        StubServer(model="other") as server,
        pytest.raises(UserError, match=r"one of other.*'stub'"),
    ):
        connect(server).check()


def test_check_says_nothing_of_a_good_endpoint(connect: Clients) -> None:
    with StubServer() as server:
        connect(server).check()
        assert server.received == []


def test_a_cancelled_batch_sends_no_more(connect: Clients) -> None:
    with StubServer(latency_s=0.05) as server:
        client = connect(server, concurrency=1)

        async def give_up() -> None:
            task = asyncio.create_task(client.agenerate([ask(str(n)) for n in range(50)]))
            await asyncio.sleep(0.12)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(give_up())
        time.sleep(0.15)
        assert len(server.received) < 10


def test_it_works_again_after_close(connect: Clients) -> None:
    with StubServer() as server:
        client = connect(server)
        assert client.generate([ask("a")])[0].ok
        client.close()
        assert client.generate([ask("b")])[0].ok
