"""What a user can get wrong with the TRL engine, and the sentence that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.judge.types import Criterion, Rubric
from rtt.policy import Policy
from rtt.train.trl.installed import GRPOConfig, check_version

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_support import config, rtt_trainer, words_policy, words_prompts

RUBRIC = Rubric((Criterion(id="a", text="Has amber.", constraint_id="words:include",
                           kwargs={"word": "amber"}),))  # fmt: skip


@pytest.mark.parametrize("found", ["1.14.3", "1.17.0", "2.0", "0.24.1", "dev"])
def test_an_unsupported_trl_names_the_range_and_what_to_install(found: str) -> None:
    with pytest.raises(UserError, match=r">=1\.15,<1\.17; got trl .*pip install 'rtt-llm\[trl\]'"):
        check_version(found)


@pytest.mark.parametrize("found", ["1.15.0", "1.16.0", "1.16.4"])
def test_a_supported_trl_passes(found: str) -> None:
    check_version(found)


def test_without_trl_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['trl'] = None\n"
        "from lmcommon.errors import MissingExtraError\n"
        "from rtt.train import trl\n"
        "try: trl.RTTTrainer\n"
        "except MissingExtraError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'rtt-llm[trl]'" in told.stdout, told


@pytest.mark.parametrize(("changed", "expected"), [
    ({"num_generations": 1}, r"num_generations: expected at least 2.*got 1"),
    ({"credit": {"scheme": "sideways"}}, r"credit\.scheme: expected one of none.*'sideways'"),
    ({"credit": {"beta": 1}}, r"credit: expected some of scheme.*\['beta'\]"),
    ({"credit": "[1]"}, r"credit: expected a mapping"),
    ({"token_kernel": "liger"}, r"token_kernel: expected one of chunked, trl; got 'liger'"),
    ({"response_advantage": "mine"}, r"response_advantage: expected one of rtt, trl"),
    ({"scale_rewards": "none"}, r"scale_rewards: expected 'group'.*response_advantage='trl'"),
    ({"response_advantage": "trl", "credit": {"scheme": "cort"}}, r"expected 'rtt' with .*'cort'"),
    ({"remove_unused_columns": True}, r"remove_unused_columns: expected False"),
])  # fmt: skip
def test_a_setting_without_meaning_is_refused(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        config(tmp_path, **changed)


def test_a_config_of_trl_is_not_ours(tmp_path: Path) -> None:
    args = GRPOConfig(str(tmp_path), use_cpu=True, bf16=False, num_generations=4)
    with pytest.raises(UserError, match="args: expected an RTTConfig; got GRPOConfig"):
        rtt_trainer(tmp_path, args=args)


def test_more_rewards_need_trls_advantage(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reward_funcs.*response_advantage='trl'"):
        rtt_trainer(tmp_path, reward_funcs=[lambda **_: []])


def test_a_prompt_that_is_too_long_is_named_with_its_length(tmp_path: Path) -> None:
    long = RubricPrompt(id="long-one", prompt="amber " * 60, rubric=RUBRIC)
    with pytest.raises(UserError, match=r"'long-one': expected at most 56 tokens .*got 61"):
        rtt_trainer(tmp_path, prompts=[*words_prompts(2), long])


def test_an_empty_rubric_is_named(tmp_path: Path) -> None:
    empty = RubricPrompt(id="empty-one", prompt="amber", rubric=Rubric(()))
    with pytest.raises(UserError, match=r"'empty-one'.*at least one criterion"):
        rtt_trainer(tmp_path, prompts=[empty])


def test_a_data_set_without_rubrics_says_how_to_make_one(tmp_path: Path) -> None:
    from datasets import Dataset

    plain = Dataset.from_list([{"prompt": "amber"}] * 4)
    with pytest.raises(UserError, match=r"column 'rubric_prompt'; got the columns prompt"):
        rtt_trainer(tmp_path, prompts=plain)


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    from lmcommon.testing.tiny_lm import tiny_tokenizer

    mixed = Policy(words_policy().model, tiny_tokenizer())
    with pytest.raises(UserError, match=r"embedding has \d+ rows; got one with 263 tokens"):
        rtt_trainer(tmp_path, policy=mixed)


@pytest.mark.skipif(is_available("vllm"), reason="vLLM is installed here")
def test_vllm_that_is_not_there_is_said_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"got none\. This would: pip install 'vllm"):
        rtt_trainer(tmp_path, changed={"use_vllm": True, "vllm_mode": "colocate"})


def test_vespo_wants_a_correction_by_token(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected token_truncate or token_mask.*sequence_mask"):
        config(tmp_path, loss_type="vespo", use_vllm=True)
    config(tmp_path, loss_type="vespo", use_vllm=True,
           vllm_importance_sampling_mode="token_truncate")  # fmt: skip
