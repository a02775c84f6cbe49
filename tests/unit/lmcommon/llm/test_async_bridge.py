"""The loop thread: callable from anywhere, and it cleans up behind itself."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from lmcommon.llm.async_bridge import LoopThread


async def where() -> str:
    return threading.current_thread().name


def test_plain_code_and_coroutines_share_one_thread() -> None:
    bridge = LoopThread("bridge")

    async def inside() -> tuple[str, str]:
        return bridge.run(where()), await bridge.arun(where())

    assert {bridge.run(where()), *asyncio.run(inside())} == {"bridge"}
    bridge.close()


def test_errors_come_through() -> None:
    async def fail() -> None:
        raise LookupError("lost")

    bridge = LoopThread("bridge")
    with pytest.raises(LookupError, match="lost"):
        bridge.run(fail())
    bridge.close()


def test_cleanups_run_when_it_is_closed_or_forgotten() -> None:
    done: list[str] = []

    async def clean() -> None:
        done.append("cleaned")

    for forget in (False, True):
        bridge = LoopThread("bridge")
        bridge.run(where())
        bridge.at_stop(clean)
        if not forget:
            bridge.close()
        del bridge
        gc.collect()
    assert done == ["cleaned", "cleaned"]


def test_closing_cancels_what_is_left() -> None:
    bridge = LoopThread("bridge")
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    async def start() -> asyncio.Task[None]:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        return task

    bridge.run(start())
    bridge.close()
    bridge.close()
    assert cancelled.is_set()
