"""What a reward worker finds out, how questions gather, and how settings and prompts travel."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.llm.config import CacheConfig, OpenAIConfig, ScriptedConfig
from lmcommon.testing.tiny_lm import tiny_tokenizer
from lmcommon.verify.sandbox.config import SandboxConfig
from rtt.relevance.config import ContrastSource, DiscriminatorSource, SpanSource, UniformSource
from rtt.train.advantage import Credit
from rtt.train.schemes import Scheme
from rtt.train.scoring import Scorer
from rtt.train.verl.dataset import read_prompts, verl_row, write_prompts
from rtt.train.verl.gathering import Gathering
from rtt.train.verl.installed import check_version
from rtt.train.verl.recipe import Recipe
from rtt.train.verl.scoring import SCHEMES, Response, ResponseReward, ResponseScorer
from rtt.verdicts.config import HybridVerdicts, NoVerdicts, ProgramVerdicts

PROMPT = RubricPrompt(
    id="p1", prompt="Say „it”.", source="test",
    rubric=Rubric((
        Criterion(id="a", text="No comma.", constraint_id="punctuation:no_comma"),
        Criterion(id="b", text="Has the word yes.", constraint_id="keywords:existence",
                  kwargs={"keywords": ["yes"]}, tags=("keywords",)),
        Criterion(id="c", text="Is kind."),
    )),
)  # fmt: skip
TOKENIZER = tiny_tokenizer()


class Down:
    """A judge that nobody answers for."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [(Verdict.unscored("connection refused"),) * len(p.rubric) for p, _ in items]


def response(text: str, step: int = 0) -> Response:
    return Response(
        tokens=tuple(TOKENIZER(text)["input_ids"]), rubric_prompt=json.dumps(asdict(PROMPT)),
        step=step,
    )  # fmt: skip


def told(*texts: str, credit: Credit | None = None, scorer: Scorer | None = None,
         step: int = 0) -> list[ResponseReward]:  # fmt: skip
    work = ResponseScorer(TOKENIZER, scorer or Scorer(), credit or Credit(reward="csr"))
    return work([response(text, step) for text in texts])


def test_a_response_gets_score_and_token_part() -> None:
    (one,) = told("oh yes, my")
    assert one.score == 0.5, one
    assert len(one.token) == len(response("oh yes, my").tokens)
    assert any(one.token)
    assert abs(sum(one.token)) < 1e-5, one.token


def test_the_log_gets_numbers_and_one_text() -> None:
    (one,) = told("oh yes, my")
    assert one.figures == {
        "all_satisfied": 0.0, "satisfied_rate": 0.5, "unscored": 0.0,
        "criteria": "[false, true, null]",
    }  # fmt: skip


def test_a_batch_is_scored_in_its_order() -> None:
    texts = ("oh yes, my", "no", "yes")
    assert told(*texts) == [told(text)[0] for text in texts]


def test_an_unscored_response_is_nan_with_no_token_part() -> None:
    (one,) = told("oh yes, my", scorer=Scorer(verdicts=Down()))
    assert math.isnan(one.score)
    assert not any(one.token)
    assert one.figures["unscored"] == 1.0


def test_a_warm_up_follows_the_step() -> None:
    credit = Credit(reward="csr", warmup=10)
    early, half, late = (told("oh yes, my", credit=credit, step=step)[0] for step in (0, 5, 10))
    assert not any(early.token)
    torch.testing.assert_close(torch.tensor(half.token) * 2, torch.tensor(late.token))


@pytest.mark.parametrize("scheme", sorted(set(get_args(Scheme)) - set(SCHEMES)))
def test_schemes_that_compare_responses_are_refused(scheme: str) -> None:
    with pytest.raises(UserError, match=f"credit={scheme}: expected intra or none"):
        Recipe(credit=Credit(scheme=scheme))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"credit": Credit(combine="mix")}, "credit.combine: expected add"),
        ({"credit": Credit(eps=1e-4)}, "credit.eps: expected 1e-06"),
        ({"credit": Credit(), "relevance": ContrastSource()}, "relevance=policy_contrast"),
        ({"credit": Credit(), "verdicts": NoVerdicts()}, "verdicts=none"),
    ],
)
def test_what_a_worker_cannot_compute_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Recipe(**changed)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(credit=Credit()),
        Recipe(credit=Credit(reward="csr", clip=3.0, warmup=20),
               verdicts=ProgramVerdicts(mode="loose"),
               relevance=DiscriminatorSource(folder="d", device="cuda")),
        Recipe(credit=Credit(scheme="none"), relevance=UniformSource(),
               verdicts=HybridVerdicts(judge="rubric", sandbox=SandboxConfig()),
               judge_llm=OpenAIConfig(model="m", cache=CacheConfig(path="c.db"), drop=["seed"])),
        Recipe(credit=Credit(), verdicts=HybridVerdicts(), relevance=SpanSource(),
               judge_llm=ScriptedConfig(replies={"a": "b"})),
    ],
    ids=["defaults", "discriminator", "judge", "scripted"],
)  # fmt: skip
def test_settings_survive_the_file(recipe: Recipe, tmp_path: Path) -> None:
    recipe.write(tmp_path / "scoring.json")
    assert Recipe.read(tmp_path / "scoring.json") == recipe


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: expected the scoring settings.*engine=verl"):
        Recipe.read(tmp_path / "none.json")


def test_a_recipe_opens_a_scorer_that_bears_small_batches() -> None:
    with Recipe(credit=Credit(), verdicts=ProgramVerdicts(max_unscored=0.1)).scorer() as scorer:
        for _ in range(10):  # a third of the criteria has no program, in batches of one
            assert told("yes", scorer=scorer)[0].score == 1.0


def test_a_judge_is_asked(tmp_path: Path) -> None:
    recipe = Recipe(
        credit=Credit(reward="csr"), verdicts=HybridVerdicts(form="tag"),
        judge_llm=ScriptedConfig(replies={"": "<verdict>yes</verdict>"}),
    )  # fmt: skip
    with recipe.scorer() as scorer:
        (one,) = told("oh yes, my", scorer=scorer)
    assert one.figures["criteria"].startswith("[false, true"), one


def test_prompts_survive_parquet(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    other = RubricPrompt(id="p2", prompt="x", source="t", rubric=Rubric(PROMPT.rubric.criteria[:1]))
    write_prompts(tmp_path / "train.parquet", [PROMPT, other])
    assert read_prompts(tmp_path / "train.parquet") == [PROMPT, other]


def test_a_row_has_the_columns_that_verl_reads() -> None:
    row = verl_row(PROMPT, 7, split="heldout")
    assert row["prompt"] == [{"role": "user", "content": "Say „it”."}]
    assert row["data_source"] == "rtt"
    assert set(row["reward_model"]) == {"style", "ground_truth"}
    assert (row["extra_info"]["index"], row["extra_info"]["split"]) == (7, "heldout")


def test_a_row_of_a_conversation_holds_its_messages() -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say it."}]
    prompt = RubricPrompt(
        id="t", prompt="x", rubric=PROMPT.rubric, metadata={"messages": talk}
    )  # fmt: skip
    assert verl_row(prompt, 0)["prompt"] == talk
    assert verl_row(prompt, 0, system=False)["prompt"] == [
        {"role": "user", "content": "Be brief.\n\nSay it."}
    ]


def test_a_prompt_without_criteria_is_refused() -> None:
    bare = RubricPrompt(id="p9", prompt="x", source="t", rubric=Rubric(()))
    with pytest.raises(UserError, match=r"prompt 'p9'.*at least one criterion"):
        verl_row(bare, 0)


def test_no_prompts_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(UserError, match=r"train\.parquet: expected at least one prompt"):
        write_prompts(tmp_path / "train.parquet", [])


def test_another_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(UserError, match=r"x\.parquet: expected a Parquet file"):
        read_prompts(tmp_path / "x.parquet")


def test_what_waits_is_answered_together() -> None:
    batches: list[list[int]] = []
    go = threading.Event()

    def work(questions: Sequence[int]) -> list[int]:
        batches.append(list(questions))
        go.wait(10)
        return [10 * question for question in questions]

    async def run() -> list[int]:
        gathering: Gathering[int, int] = Gathering(work, largest=4)
        first = asyncio.create_task(gathering.ask(0))
        while not batches:
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(gathering.ask(n)) for n in range(1, 7)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(first, *rest)

    assert asyncio.run(run()) == [0, 10, 20, 30, 40, 50, 60]
    assert batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_an_error_reaches_who_asked_and_the_next_batch_is_answered() -> None:
    def work(questions: Sequence[str]) -> list[str]:
        if "bad" in questions:
            raise UserError("judge: down")
        return list(questions)

    async def run() -> Any:
        gathering: Gathering[str, str] = Gathering(work)
        failed = await asyncio.gather(gathering.ask("bad"), return_exceptions=True)
        return failed, await gathering.ask("good")

    failed, good = asyncio.run(run())
    assert [str(one) for one in failed] == ["judge: down"]
    assert good == "good"


@pytest.mark.parametrize("version", ["0.8.0", "0.10.0.dev", "1.0", "0", "x.y"])
def test_other_versions_of_verl_are_refused(version: str) -> None:
    with pytest.raises(UserError, match=rf"expected verl >=0\.9,<0\.10; got verl {version}"):
        check_version(version)


def test_this_version_of_verl_is_taken() -> None:
    check_version("0.9.1")
