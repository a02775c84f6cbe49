"""rtt-train with `engine=trl`: one run of TRL in one folder, evaluated like every other engine.

In: task, policy, credit and the engine's settings. Out: headline figures; the folder holds
`metrics.jsonl` (one row an optimiser step, evaluations among them), `rollouts.jsonl` and
checkpoints below `trl/`, from which a killed run goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers import PrinterCallback, TrainerCallback

from lmcommon.errors import UserError
from lmcommon.llm.weights import quiet_loading
from lmcommon.rng import seed_for
from lmcommon.runlog import Run
from rtt.engine.versions import check_stack
from rtt.policy.asking import asked
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import Policy, PolicySource
from rtt.relevance.config import RelevanceSettings
from rtt.relevance.policy_scores import PolicyScores
from rtt.run.method import keep_rows
from rtt.run.trl_engine import TrlEngine
from rtt.run.trl_figures import run_figures, run_report
from rtt.run.trl_rollouts import chosen_rollouts
from rtt.tasks.base import Task
from rtt.train.advantage import Credit
from rtt.train.heldout import Heldout, refuse_sharded
from rtt.train.scoring import Scorer
from rtt.train.short import short_enough
from rtt.train.trl.vllm import EngineLostError, close_rollouts, set_environment

if TYPE_CHECKING:
    from rtt.train.trl.config import RTTConfig

__all__ = ["TrlRun", "run_arguments", "run_folder", "train_with_trl"]


class TrlRun(Protocol):
    """What the driver reads of a verb's configuration."""

    seed: int
    task: Task
    policy: PolicySource
    credit: Credit
    engine: TrlEngine
    relevance: RelevanceSettings | None
    """None: the relevance of the scorer that is given."""
    threads: int


def run_folder(run: Run, engine: TrlEngine) -> tuple[Path, int]:
    """The first process's folder, on all of them, and how many they are; joins them.

    Args:
        run: Of this process.
        engine: What will sample, since vLLM reads its settings as TRL is imported.

    Raises:
        MissingExtraError: Without `rtt-llm[trl]`.
    """
    _prepare(engine)
    from rtt.train.trl.installed import same_everywhere

    folder: Path = same_everywhere(
        run.folder if run.is_kept else None, use_cpu=not torch.cuda.is_available()
    )
    return folder, int(os.environ.get("WORLD_SIZE", 1))


def train_with_trl(config: TrlRun, run: Run, *, scorer: Scorer | None = None) -> dict[str, Any]:
    """Train a policy with TRL, or go on where a killed run left it.

    Args:
        config: Task, policy, credit, engine, seed and threads.
        run: Where to record.
        scorer: Verdicts and relevances; None: program checks and the spans that decide them.

    Returns:
        Headline figures.

    Raises:
        UserError: Settings that do not fit each other.
        MissingExtraError: Without `rtt-llm[trl]`.
    """
    import transformers

    is_vllm = _prepare(config.engine)
    from rtt.train.trl.resume import last_checkpoint
    from rtt.train.trl.share import ShareRows
    from rtt.train.trl.trainer import RTTTrainer

    torch.set_num_threads(config.threads)
    scorer, engine = scorer or Scorer(), config.engine
    is_cpu = not torch.cuda.is_available()
    folder, processes = run_folder(run, engine)
    policy = _policy(config)
    if config.relevance is not None:
        # The policy scores itself before TRL shards it; policy contrast needs whole weights.
        scorer = replace(scorer, relevance=config.relevance.build(PolicyScores(policy=policy)))
    stream = config.task.prompts("train", seed_for(config.seed, "prompts"))
    train = short_enough(stream, policy.ask, engine.max_prompt_tokens)
    prompts = list(islice(train, engine.prompts * engine.generation_batches))
    arguments = run_arguments(
        config,
        folder,
        is_mixed=policy.is_mixed,
        is_cpu=is_cpu,
        processes=processes,
    )
    if is_vllm and arguments.vllm_max_model_length is None:
        longest = max(len(policy.ask(asked(prompt))) for prompt in prompts)
        arguments.vllm_max_model_length = longest + config.task.max_tokens
    heldout = Heldout(
        policy, list(islice(config.task.prompts("heldout", 0), engine.heldout)), scorer.verdicts,
        max_tokens=config.task.max_tokens, samples=engine.eval_samples, seed=config.seed,
    )  # fmt: skip
    adapters = config.policy.adapters() if isinstance(config.policy, PretrainedPolicy) else None
    with quiet_loading(transformers):
        trainer = RTTTrainer(
            policy.model,
            prompts,
            args=arguments,
            scorer=scorer,
            processing_class=policy.tokenizer,
            chat=policy.is_chat,
            callbacks=[_MetricsFile(run, heldout, engine)],
            **({} if adapters is None else {"peft_config": adapters}),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(ShareRows(trainer, folder))
        refuse_sharded(trainer, heldout, key="engine.heldout")
        checkpoint = last_checkpoint(folder / "trl")
        step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
        if run.is_kept:
            keep_rows(run, step)
            if not step:
                run.metrics({"step": 0, **heldout.row(0)})
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except EngineLostError as error:
            raise UserError(f"{error}; go on with: rtt-train resume={folder}") from error
        finally:
            close_rollouts(trainer)
    if not run.is_kept:
        return {}
    final = heldout.evaluate(engine.steps, samples=4 * engine.eval_samples)
    figures = run_figures(config, run.read("metrics"), final)
    run.report(run_report(figures))
    return figures


def _prepare(engine: TrlEngine) -> bool:
    """Whether vLLM samples; if so, TRL imports it, and it reads its settings then."""
    is_vllm = chosen_rollouts(engine.rollouts) != "transformers"
    if is_vllm:
        check_stack()
        set_environment()
    return is_vllm


def _policy(config: TrlRun) -> Policy:
    if isinstance(config.policy, PretrainedPolicy):
        return config.policy.load()  # TRL puts the adapters on
    return config.policy.build(getattr(config.task, "tokens", ()), seed=config.seed)


def run_arguments(
    config: TrlRun, folder: Path, *, is_mixed: bool, is_cpu: bool, processes: int
) -> RTTConfig:
    """The settings of a run in TRL's words, checked by the installed TRL.

    Args:
        config: Of the verb.
        folder: Of the run.
        is_mixed: Whether float32 weights are computed with in bfloat16.
        is_cpu: Whether there is no GPU.
        processes: Over which the rows are dealt out.

    Raises:
        UserError: An unknown field, or rows that cannot be dealt out evenly.
    """
    from rtt.train.trl.config import RTTConfig

    checkpointing = getattr(config.policy, "gradient_checkpointing", False)
    told = {
        "output_dir": str(folder / "trl"), "seed": config.seed % 2**32, "use_cpu": is_cpu,
        "bf16": is_mixed, "gradient_checkpointing": checkpointing,
        "max_completion_length": config.task.max_tokens, "credit": config.credit,
        "rollout_file": str(folder / "rollouts.jsonl"),
        **config.engine.arguments(processes=processes),
    }  # fmt: skip
    if unknown := sorted(set(told) - set(RTTConfig.__dataclass_fields__)):
        raise UserError(
            f"engine.options: expected fields of trl.GRPOConfig or RTTConfig; got {unknown}"
        )
    return RTTConfig(**told)


class _MetricsFile(TrainerCallback):  # type: ignore[misc]
    """Writes each logged step as a row of `metrics.jsonl`, evaluations among them."""

    def __init__(self, run: Run, heldout: Heldout, engine: TrlEngine) -> None:
        self._run, self._heldout, self._engine = run, heldout, engine

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if not self._run.is_kept or not logs or "loss" not in logs:
            return
        step = state.global_step
        row = {name.removeprefix("rtt/"): value for name, value in logs.items()}
        if step % self._engine.eval_every == 0 or step == self._engine.steps:
            row |= self._heldout.row(step)
        self._run.metrics({"step": step, **row})
        if row.get("reward") is not None:  # not in a step that goes on with the last rollouts
            self._run.console.print(
                f"step {step}/{self._engine.steps}: reward {row['reward']:.3f}, "
                f"all satisfied {row['all_satisfied']:.3f}"
            )
