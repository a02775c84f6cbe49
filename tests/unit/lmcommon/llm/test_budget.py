"""Budgets are hard, also when many calls run together, and stop cleanly."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import BudgetError
from lmcommon.llm import (
    Budget,
    ChatRequest,
    ChatResponse,
    Meter,
    MeteredModel,
    Prices,
    Sampling,
    ScoreRequest,
    ScriptedModel,
    Usage,
    chat,
)
from lmcommon.llm.budget import estimate_chat


def usage(prompt: int, completion: int, calls: int = 1) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion, calls=calls)


def tokens(used: Usage) -> int:
    return used.prompt_tokens + used.completion_tokens


@settings(deadline=None, max_examples=40)
@given(
    limit=st.integers(0, 400),
    calls=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30),
    seed=st.integers(0, 99),
)
def test_interleaved_calls_never_overshoot(
    limit: int, calls: list[tuple[int, int]], seed: int
) -> None:
    meter = Meter(Budget(tokens=limit))
    rng = random.Random(seed)
    under_way: list[tuple[Usage, Usage]] = []
    for reserved, part in calls:
        estimate = usage(reserved, 0)
        actual = usage(min(part, reserved), 0)
        if meter.try_reserve(estimate):
            under_way.append((estimate, actual))
        while under_way and rng.random() < 0.5:
            meter.settle(*under_way.pop(rng.randrange(len(under_way))))
        assert tokens(meter.spent) <= limit
    for estimate, actual in under_way:
        meter.settle(estimate, actual)
    assert tokens(meter.spent) <= limit


def test_many_threads_never_overshoot_and_use_the_budget_up() -> None:
    meter = Meter(Budget(calls=50))
    model = MeteredModel(ScriptedModel(lambda request: "yes"), meter)

    def work(number: int) -> int:
        requests = [chat(f"{number} {index}") for index in range(7)]
        return sum(response.ok for response in model.generate(requests))

    with ThreadPoolExecutor(16) as pool:
        answered = sum(pool.map(work, range(16)))
    assert answered == meter.spent.calls == 50
    assert meter.refused == 16 * 7 - 50


def test_what_calls_did_not_use_makes_room_for_more() -> None:
    one = estimate_chat(chat("a", sampling=Sampling(max_tokens=100)))
    meter = Meter(Budget(tokens=tokens(one) + 10))
    model = MeteredModel(ScriptedModel(lambda request: "yes"), meter)
    requests = [chat("a", sampling=Sampling(max_tokens=100)) for _ in range(4)]
    assert [response.ok for response in model.generate(requests)] == [True] * 4


def test_after_the_limit_nothing_is_sent_and_every_item_says_budget() -> None:
    inner = ScriptedModel(lambda request: "yes")
    model = MeteredModel(inner, Meter(Budget(calls=2)))
    responses = model.generate([chat(str(number)) for number in range(5)])
    kinds = [response.failure and response.failure.kind for response in responses]
    assert kinds == [None, None, "budget", "budget", "budget"]
    assert [response.text for response in responses[:2]] == ["yes", "yes"]
    assert len(inner.requests) == 2


def test_the_async_form_stops_as_well() -> None:
    model = MeteredModel(ScriptedModel(lambda request: "yes"), Meter(Budget(calls=1)))

    async def both() -> list[list[ChatResponse]]:
        return await asyncio.gather(model.agenerate([chat("a")]), model.agenerate([chat("b")]))

    responses = [batch[0] for batch in asyncio.run(both())]
    assert sorted(response.ok for response in responses) == [False, True]


def test_scores_are_metered() -> None:
    model = MeteredModel(ScriptedModel([], scores=lambda r: -1.0), Meter(Budget(calls=1)))
    request = ScoreRequest(messages=(), continuation="Oslo")
    first, second = model.score([request, request])
    assert first.ok
    assert second.failure is not None
    assert second.failure.kind == "budget"


def test_a_request_with_a_schema_reserves_its_repair() -> None:
    inner = ScriptedModel(lambda request: "nothing")
    model = MeteredModel(inner, Meter(Budget(calls=3)))
    model.generate([chat(str(number), schema={"type": "integer"}) for number in range(3)])
    assert len(inner.requests) == 2


def test_a_caller_waits_for_calls_that_may_make_room() -> None:
    release = threading.Event()

    def slow(request: ChatRequest) -> str:
        release.wait(5)
        return "yes"

    one = estimate_chat(chat("a", sampling=Sampling(max_tokens=100)))
    model = MeteredModel(ScriptedModel(slow), Meter(Budget(tokens=tokens(one) + 10)))
    answers: list[Sequence[ChatResponse]] = []
    asked = [chat("a", sampling=Sampling(max_tokens=100))]
    threads = [
        threading.Thread(target=lambda: answers.append(model.generate(asked))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    release.set()
    for thread in threads:
        thread.join()
    assert [batch[0].ok for batch in answers] == [True, True]


def test_a_model_that_raises_gives_its_reservation_back() -> None:
    class Broken(ScriptedModel):
        def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
            raise RuntimeError("out of memory")

    meter = Meter(Budget(tokens=10_000))
    model = MeteredModel(Broken([]), meter)
    with pytest.raises(RuntimeError):
        model.generate([chat("a")])
    assert tokens(meter.spent) == 0
    assert meter.try_reserve(usage(10_000, 0, calls=0))


def test_check_refuses_a_budget_that_is_used_up() -> None:
    model = MeteredModel(ScriptedModel(["yes"]), Meter(Budget(calls=1)))
    model.check()
    model.generate([chat("a")])
    with pytest.raises(BudgetError, match="used up"):
        model.check()


def test_prices_are_per_million() -> None:
    prices = Prices(usd_per_million_input=0.4, usd_per_million_output=1.6)
    assert prices.cost_usd(1_000_000, 500_000) == pytest.approx(1.2)


def test_float_costs_can_reach_the_limit_exactly() -> None:
    meter = Meter(Budget(usd=0.3))
    done = 0
    for _ in range(4):
        estimate = Usage(calls=1, cost_usd=0.1)
        if meter.try_reserve(estimate):
            meter.settle(estimate, estimate)
            done += 1
    assert done == 3


def test_a_long_batch_is_admitted_quickly() -> None:
    model = MeteredModel(ScriptedModel(lambda request: "yes"), Meter(Budget(calls=20_000)))
    started = time.perf_counter()
    assert len(model.generate([chat("a")] * 5_000)) == 5_000
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("limit", [-1, float("nan")])
def test_limits_that_limit_nothing_are_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="limits >= 0"):
        Budget(usd=limit)
