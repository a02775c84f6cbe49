"""The verb rtt-baseline: supervised fine-tuning or DPO on recorded responses, by TRL's trainers.

In: recorded rollouts of rtt-rollout or rtt-train (given responses of any model among them), a
policy, a task for the held-out prompts. Out: headline figures; the folder holds `metrics.jsonl` and
checkpoints below `trl/`, which rtt-train and rtt-rollout load as policy.path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.llm.weights import quiet_loading
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import Policy
from rtt.records import RolloutRecord, read_rollouts, rollouts_in
from rtt.run.baseline_rows import report, told_at_the_end
from rtt.run.judging import open_scorer
from rtt.run.method import keep_rows
from rtt.run.schemas import GROUPS
from rtt.train.baselines.choosing import Chosen, choose_examples, choose_pairs
from rtt.train.baselines.settings import DpoBaseline, SftBaseline
from rtt.train.heldout import Heldout, refuse_sharded

if TYPE_CHECKING:
    from rtt.run.metric_rows import MetricRows

__all__ = ["BaselineConfig", "baseline", "main"]


@dataclass(kw_only=True)
class BaselineConfig:
    """Configuration of rtt-baseline."""

    seed: int = 0
    baseline: Any = None
    """sft or dpo."""
    rollouts: Any = None
    """A run folder of rtt-rollout or rtt-train, a rollouts file, or a list of these."""
    rejected: Any = None
    """For dpo: where the rejected responses come from; null: from rollouts too."""
    task: Any = None
    """For the held-out prompts; they are never trained on."""
    policy: Any = None
    verdicts: Any = None
    judge_llm: Any = None
    """What judges the evaluation where verdicts=hybrid finds no program."""
    threads: int = 1


def baseline(config: BaselineConfig, run: Run) -> dict[str, Any]:
    """Fine-tune a policy on recorded responses (SFT, or DPO on pairs of them) and evaluate it."""
    settings, is_cpu = config.baseline, not torch.cuda.is_available()
    kept = list(islice(config.task.prompts("heldout", 0), settings.heldout))
    chosen = _choose(config, kept)  # first: it is quick, and says what is missing

    import transformers

    from rtt.run.metric_rows import MetricRows
    from rtt.train.trl.installed import same_everywhere
    from rtt.train.trl.resume import last_checkpoint

    torch.set_num_threads(config.threads)
    folder: Path = same_everywhere(run.folder if run.is_kept else None, use_cpu=is_cpu)
    policy = _policy(config)
    with open_scorer(config.verdicts, config.judge_llm) as scorer, quiet_loading(transformers):
        heldout = Heldout(
            policy, kept, scorer.verdicts, max_tokens=config.task.max_tokens,
            samples=settings.eval_samples, seed=config.seed,
        )  # fmt: skip
        rows = MetricRows(run, heldout, every=settings.eval_every)
        trainer, trained = _trainer(config, policy, chosen, folder, rows, is_cpu=is_cpu)
        trainer.remove_callback(transformers.PrinterCallback)
        refuse_sharded(trainer, heldout, key="baseline.heldout")
        checkpoint = last_checkpoint(folder / "trl")
        step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
        if run.is_kept:
            keep_rows(run, step)
            if not step:
                run.metrics({"step": 0, **heldout.row(0)})
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if not run.is_kept:
            return {}
        steps = trainer.state.global_step
        final = heldout.evaluate(steps, samples=4 * settings.eval_samples)
    label = "DPO" if isinstance(settings, DpoBaseline) else "SFT"
    counts = {**chosen.counts, "trained_on": trained, "cut_out": len(chosen.items) - trained}
    figures = told_at_the_end(
        run.read("metrics"), final, label=label, seed=config.seed, steps=steps, counts=counts
    )
    figures["policy"] = str(last_checkpoint(folder / "trl"))
    run.report(report(figures))
    return figures


def _policy(config: BaselineConfig) -> Policy:
    if isinstance(config.policy, PretrainedPolicy):
        return config.policy.load()  # TRL puts the adapters on
    built: Policy = config.policy.build(getattr(config.task, "tokens", ()), seed=config.seed)
    return built


def _choose(config: BaselineConfig, kept: Sequence[RubricPrompt]) -> Chosen[Any]:
    """Examples or pairs, none of them of a held-out prompt."""
    records = _read("rollouts", config.rollouts)
    settings, is_held_out = config.baseline, _held_out(config.task, kept)
    if isinstance(settings, SftBaseline):
        if config.rejected is not None:
            raise UserError("rejected: expected nothing with baseline=sft; it is for baseline=dpo")
        chosen: Chosen[Any] = choose_examples(
            records, accept=settings.accept, is_held_out=is_held_out
        )
    else:
        if settings.accept == "all" and config.rejected is None:
            raise UserError(
                "rejected: expected the file of the rejected responses with baseline.accept=all; "
                "got nothing; give rejected=FILE, or baseline.accept=better"
            )
        rejected = None if config.rejected is None else _read("rejected", config.rejected)
        chosen = choose_pairs(
            records, rejected, accept=settings.accept, pairs=settings.pairs, is_held_out=is_held_out
        )
    if not chosen.items:
        kind = "response" if isinstance(settings, SftBaseline) else "pair of responses"
        raise UserError(
            f"rollouts: expected at least one {kind} to train on; got none ({chosen.counts}); "
            "sample training prompts (rtt-rollout split=train), more of them, or more samples each"
        )
    return chosen


def _held_out(task: Any, kept: Sequence[RubricPrompt]) -> Callable[[RubricPrompt], bool]:
    """What the task keeps for evaluation: the whole split where it can tell, else what is used."""
    texts = {prompt.prompt for prompt in kept}
    in_split = getattr(task, "is_held_out", None)
    return lambda prompt: prompt.prompt in texts or bool(in_split and in_split(prompt))


def _read(key: str, given: Any) -> Iterator[RolloutRecord]:
    places = [given] if isinstance(given, str) else list(given or ())
    if not places:
        raise UserError(
            f"{key}: expected a rollouts file of rtt-rollout or rtt-train, or its run folder; got "
            f"nothing; give {key}=FOLDER"
        )
    try:
        files = [rollouts_in(one) for one in places]
    except UserError as error:
        raise UserError(f"{key}: {error}") from error
    return chain.from_iterable(read_rollouts(file) for file in files)


def _trainer(
    config: BaselineConfig, policy: Policy, chosen: Chosen[Any], folder: Path, rows: MetricRows, *,
    is_cpu: bool,
) -> tuple[Any, int]:  # fmt: skip
    """TRL's trainer, and how many rows it trains on."""
    from rtt.train.baselines.encoding import encode_examples, encode_pairs
    from rtt.train.baselines.trainers import dpo_trainer, sft_trainer

    settings, is_sft = config.baseline, isinstance(config.baseline, SftBaseline)
    encode: Any = encode_examples if is_sft else encode_pairs
    dataset = encode(policy, chosen.items, max_tokens=settings.max_tokens)
    arguments = {
        "output_dir": str(folder / "trl"), "seed": config.seed % 2**32, "use_cpu": is_cpu,
        "bf16": policy.is_mixed,
        "gradient_checkpointing": getattr(config.policy, "gradient_checkpointing", False),
        **settings.arguments(),
    }  # fmt: skip
    is_pretrained = isinstance(config.policy, PretrainedPolicy)
    make: Any = sft_trainer if is_sft else dpo_trainer
    trainer = make(
        policy, dataset, arguments, callbacks=[rows],
        adapters=config.policy.adapters() if is_pretrained else None,
    )  # fmt: skip
    return trainer, len(dataset)


main = entrypoint(
    "rtt/baseline", BaselineConfig, baseline, spans_processes=True,
    groups={
        **{key: GROUPS[key] for key in ("task", "policy", "verdicts", "llm")},
        "baseline": {"sft": SftBaseline, "dpo": DpoBaseline},
    },
)  # fmt: skip

if __name__ == "__main__":
    main()
