"""One budget over several askers, and what a dead one had reserved."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.llm.budget import Budget
from lmcommon.llm.metered import MeteredModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.shared_budget import MeterHost, RemoteMeter
from lmcommon.llm.types import Usage, chat

CALL = Usage(calls=1)


def remote(host: MeterHost, owner: str) -> RemoteMeter:
    def ask(method: str, arguments: tuple[Usage, ...]) -> Any:
        return host.answer(owner, method, arguments)

    return RemoteMeter(host.meter.budget, ask)


def test_models_of_several_processes_share_one_limit() -> None:
    host = MeterHost(Budget(calls=5))
    replies = [
        response.ok
        for owner in ("a", "b")
        for response in MeteredModel(ScriptedModel(lambda _: "yes"), remote(host, owner)).generate(
            [chat(str(number)) for number in range(4)]
        )
    ]
    assert replies.count(True) == 5
    assert host.meter.spent.calls == 5
    assert host.meter.refused == 3


def test_what_a_dead_process_had_reserved_is_charged() -> None:
    host = MeterHost(Budget(calls=2))
    dead, alive = remote(host, "dead"), remote(host, "alive")
    assert dead.try_reserve(CALL)
    host.bury("dead")
    assert alive.spent == CALL
    assert alive.try_reserve(CALL)
    assert not alive.try_reserve(CALL)
    assert alive.is_hopeless(CALL + CALL)


def test_settled_calls_are_not_charged_twice_when_their_process_dies() -> None:
    host = MeterHost(Budget(calls=9))
    meter = remote(host, "one")
    assert meter.try_reserve(CALL + CALL)
    meter.settle(CALL + CALL, CALL)
    host.bury("one")
    assert host.meter.spent == CALL


def test_a_method_the_meter_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a method of the meter"):
        MeterHost(Budget()).answer("one", "__class__", ())
