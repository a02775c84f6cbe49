"""Out-of-domain checks by EleutherAI's evaluation harness: multiple choice, mathematics, ...

In: a pretrained policy with its weights, names of the harness's tasks. Out: the harness's figures
with intervals over documents. `lm_eval` is imported here and nowhere else; its tasks read their
data from the hub, or from files where a task of one's own says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.runlog import finite, write_atomic
from lmcommon.stats import Interval, mean_interval, wilson_interval
from rtt.policy.tiny import Policy

__all__ = ["HarnessConfig", "HarnessFigure", "figures_of", "harness_lines", "run_harness"]

FILE = "lm_eval.json"
_EXTRA = "rtt-llm[lm-eval]"


@dataclass(kw_only=True)
class HarnessConfig:
    """What the evaluation harness is asked for."""

    tasks: list[str] = field(default_factory=list)
    """Names of its tasks or groups, such as gpqa_main_cot_zeroshot, mmlu_pro, hendrycks_math500;
    none: it is not run."""
    include: str | None = None
    """A folder with tasks of one's own (YAML)."""
    fewshot: int | None = None
    """Worked examples before each question; null: as the task says."""
    limit: int | None = None
    """Documents of each task; null: all."""
    batch: int = 8
    chat_template: bool | None = None
    """Whether prompts go through the chat template; null: if the policy's do."""

    def __post_init__(self) -> None:
        for key in ("batch", "limit"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"lm_eval.{key}: expected at least 1; got {value!r}")
        if self.fewshot is not None and self.fewshot < 0:
            raise UserError(f"lm_eval.fewshot: expected 0 or more; got {self.fewshot!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessFigure:
    """One metric of one task.

    Example:
        `HarnessFigure(task="arc_easy", metric="acc,none", value=0.5, stderr=0.05,
        interval=(0.4, 0.6), documents=100)`
    """

    task: str
    metric: str
    """With the harness's filter after a comma."""
    value: float
    stderr: float | None
    """The harness's own."""
    interval: Interval | None
    """95 % over documents: Wilson's of what is right or wrong, else a bootstrap; None: the metric
    is no mean over documents."""
    documents: int


def run_harness(
    config: HarnessConfig, policy: Policy, folder: Path, *, seed: int = 0
) -> list[HarnessFigure]:
    """Run the tasks, or read what a run that goes on has of them already.

    Args:
        config: What to ask.
        policy: Whose model answers; it stays as it is.
        folder: Of the run; keeps `lm_eval.json` and the harness's samples.
        seed: Of the harness and of the bootstrap.

    Raises:
        MissingExtraError: Without `rtt-llm[lm-eval]`.
        UserError: An unknown task, or one whose data cannot be had.
    """
    path = folder / FILE
    if path.is_file():
        return [_read(row) for row in json.loads(path.read_text(encoding="utf-8"))["figures"]]
    evaluator = require("lm_eval.evaluator", extra=_EXTRA)
    models = require("lm_eval.models.huggingface", extra=_EXTRA)
    tasks = require("lm_eval.tasks", extra=_EXTRA)
    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    was_training = policy.model.training
    policy.model.eval()
    try:
        manager = tasks.TaskManager(include_path=config.include)
        answers = evaluator.simple_evaluate(
            model=models.HFLM(
                pretrained=policy.model, tokenizer=policy.tokenizer, batch_size=config.batch
            ),
            tasks=list(config.tasks), num_fewshot=config.fewshot, limit=config.limit,
            apply_chat_template=policy.is_chat if config.chat_template is None
            else config.chat_template,
            task_manager=manager, bootstrap_iters=1000, log_samples=True,
            random_seed=seed, numpy_random_seed=seed, torch_random_seed=seed,
            fewshot_random_seed=seed,
        )  # fmt: skip
    except (KeyError, ValueError, OSError) as error:
        raise UserError(
            f"lm_eval.tasks: the harness cannot run {', '.join(config.tasks)} "
            f"({_first_line(error)}); expected names that `lm-eval ls tasks` lists (or tasks in "
            "lm_eval.include), and data that can be had"
        ) from error
    finally:
        policy.model.train(was_training)
    found = figures_of(answers, seed=seed)
    told = {
        "figures": [asdict(one) for one in found],
        "versions": dict(answers.get("versions", {})),
        "few_shot": dict(answers.get("n-shot", {})),
    }
    write_atomic(path, json.dumps(finite(told), indent=1) + "\n")
    return found


def figures_of(answers: Mapping[str, Any], *, seed: int = 0) -> list[HarnessFigure]:
    """The figures in what `simple_evaluate` returns, with intervals from its samples."""
    found = []
    for task, metrics in answers["results"].items():
        samples = answers.get("samples", {}).get(task, [])
        for metric, value in metrics.items():
            name, comma, kept = metric.partition(",")
            if not comma or name.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            single = [
                float(row[name])
                for row in samples
                if row.get("filter", kept) == kept and isinstance(row.get(name), (int, float))
            ]
            stderr = metrics.get(f"{name}_stderr,{kept}")
            found.append(
                HarnessFigure(
                    task=task, metric=metric, value=float(value),
                    stderr=float(stderr) if isinstance(stderr, (int, float)) else None,
                    interval=_interval(float(value), single, seed), documents=len(single),
                )
            )  # fmt: skip
    return found


def harness_lines(found: Sequence[HarnessFigure]) -> Iterator[str]:
    """As Markdown."""
    yield "## Evaluation harness"
    yield ""
    yield "| task | metric | value | 95 % over documents | standard error | documents |"
    yield "|---|---|---:|---|---:|---:|"
    for one in found:
        between = "" if one.interval is None else "{:.4f} to {:.4f}".format(*one.interval)
        stderr = "" if one.stderr is None else f"{one.stderr:.4f}"
        yield (
            f"| {one.task} | {one.metric} | {one.value:.4f} | {between} | {stderr} "
            f"| {one.documents} |"
        )
    yield ""


def _interval(value: float, single: Sequence[float], seed: int) -> Interval | None:
    """None where the metric is no mean of what single documents got (perplexity, groups)."""
    if not single or abs(sum(single) / len(single) - value) > 1e-6:
        return None
    if set(single) <= {0.0, 1.0}:
        return wilson_interval(round(sum(single)), len(single))
    return mean_interval(single, seed=seed)


def _read(row: Mapping[str, Any]) -> HarnessFigure:
    interval = row["interval"]
    return HarnessFigure(**{**row, "interval": None if interval is None else tuple(interval)})


def _first_line(error: BaseException) -> str:
    told = str(error).strip() or repr(error)
    return told.splitlines()[0][:300]
