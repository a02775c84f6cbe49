"""Optimised prompts into a user's own live Mem0: its next call is asked with them."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package

from mem0_support import LINE, only_additive, only_classic, users_memory

import memtrace
from lmcommon.errors import UserError
from memtrace.memory.mem0.building import mem0_main
from memtrace.memory.mem0.config import Mem0ClassicConfig, Mem0Config
from memtrace.memory.mem0.defaults import default_prompts
from memtrace.memory.prompt_files import write_prompts

MARK = "Keep the names of animals exactly."


def watched() -> tuple[Any, list[str]]:
    """A user's memory, and all that its model is sent."""
    sent: list[str] = []

    def change(text: str, messages: Any) -> str:
        sent.append("\n".join(str(one["content"]) for one in messages))
        return text

    return users_memory(change), sent


def defaults() -> dict[str, str]:
    assert LINE is not None
    mem0_main()  # before anything else of the package: it reads the environment
    return {name: prompt.text for name, prompt in default_prompts(LINE).items()}


@only_classic
def test_classic_prompts_are_used_from_the_next_call_on(tmp_path: Path) -> None:
    before = defaults()
    after = {
        **before, "extraction": before["extraction"] + MARK, "update": "U. " + before["update"],
    }  # fmt: skip
    write_prompts(tmp_path / "prompts", before, after, {})
    memory, sent = watched()
    assert memtrace.apply_prompts(memory, tmp_path) is memory
    memory.add("The name of my dog is Pickle.", user_id="ana")
    memory.add("The name of my dog is Rex.", user_id="ana")
    assert any(MARK in one for one in sent)
    assert any("U. You are a smart memory manager" in one for one in sent)
    assert (
        f"Today's date is {datetime.now():%Y-%m-%d}" in memory.config.custom_fact_extraction_prompt
    )
    assert not any("{date}" in one for one in sent)


@only_additive
def test_additive_instructions_are_used_from_the_next_call_on() -> None:
    memory, sent = watched()
    memtrace.apply_prompts(memory, {**defaults(), "instructions": MARK})
    memory.add("The name of my dog is Pickle.", user_id="ana")
    assert memory.custom_instructions == MARK
    assert any(MARK in one for one in sent)


@only_additive
def test_a_prompt_that_is_no_setting_is_refused_before_anything_is_set() -> None:
    memory, _ = watched()
    before = memory.custom_instructions
    with pytest.raises(UserError, match=r"expected some of instructions.*got 'extraction'"):
        memtrace.apply_prompts(memory, {"instructions": MARK, "extraction": MARK})
    assert memory.custom_instructions == before


def test_the_answering_prompt_is_not_mem0s() -> None:
    memory, _ = watched()
    memtrace.apply_prompts(memory, {"qa": "### user\n{context} {question}"})
    assert memory is not None


def test_an_unknown_name_is_refused() -> None:
    memory, _ = watched()
    with pytest.raises(UserError, match="got 'zap'"):
        memtrace.apply_prompts(memory, {"zap": "text"})


def test_another_object_of_the_package_is_refused() -> None:
    memory, _ = watched()
    with pytest.raises(UserError, match=r"expected a mem0\.Memory"):
        memtrace.apply_prompts(memory.config, {"qa": "text"})


def test_a_configuration_of_ours_takes_them_too() -> None:
    from lmcommon.embed.config import HashEmbedConfig

    schema = Mem0ClassicConfig if LINE == "classic" else Mem0Config
    made = memtrace.apply_prompts(schema(embed=HashEmbedConfig()), defaults())
    assert set(made.prompts) == set(defaults())
