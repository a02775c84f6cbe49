"""What a run of rtt-evaluate came to: results.json, verdict files, report.md, headline figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcommon.app import Run
from lmcommon.runlog import finite, write_atomic
from rtt.evaluate.agreement import agreement_lines, judge_agreement
from rtt.evaluate.answers import Item, Reading, items_of
from rtt.evaluate.loose import read_loose
from rtt.evaluate.results import Results, results_of
from rtt.evaluate.tables import comparison_lines, overview, section
from rtt.evaluate.verdict_files import Compared, compare_verdicts, write_responses, write_verdicts
from rtt.records import read_rollouts
from rtt.run.evaluation_sets import EvaluationSet
from rtt.run.evaluation_settings import EvaluateConfig
from rtt.run.harness import HarnessFigure, harness_lines
from rtt.run.identity import digest
from rtt.run.judging import spent_in, verdict_line
from rtt.run.sharing import SharedRun

__all__ = ["RESULTS", "conclude", "read_items"]

RESULTS = "results.json"
_AGREED = (
    "n", "accuracy", "accuracy_95", "kappa", "kappa_95", "balanced_accuracy", "unscored",
)  # fmt: skip


def read_items(records: Path, has_loose: Sequence[bool]) -> list[list[Item]]:
    """The items of every benchmark of a finished run, in order.

    Args:
        records: Their file, or the folder with them.
        has_loose: Of each benchmark, whether it has a loose reading.
    """
    loose = read_loose(records if records.is_dir() else records.parent)
    pools: list[list[Any]] = [[] for _ in has_loose]
    for record in read_rollouts(records):
        pools[record.step].append(record)
    return [
        items_of(pool, loose if wants else None)
        for pool, wants in zip(pools, has_loose, strict=True)
    ]


def conclude(
    config: EvaluateConfig,
    run: Run,
    sets: Sequence[EvaluationSet],
    shared: SharedRun,
    file: Path,
    harness: Sequence[HarnessFigure] = (),
) -> dict[str, Any]:
    """Count what a finished run holds, write its files and its report, print it.

    Returns:
        Headline figures.
    """
    found = read_items(file, [one.benchmark.has_loose for one in sets])
    results: list[Results] = []
    told: dict[str, Any] = {}
    details: list[str] = []
    for one, items in zip(sets, found, strict=True):
        counted = results_of(one.benchmark, items, seed=config.seed, knows_ends=one.given is None)
        results.append(counted)
        compared = list(_compared(config, one, items))
        left_out = _verdict_files(run.folder / "verdicts" / one.benchmark.name, one, items)
        told[one.benchmark.name] = {
            **counted.plain(), "set": one.identity(), "answers": _answers(config, one),
            "left_out_of_verdict_files": left_out,
            "reference": {one.reading: one.plain() for one in compared},
        }  # fmt: skip
        details += ["", *section(counted), *_given_lines(one)]
        if config.agreement and one.benchmark.name == "infobench":
            agreed = judge_agreement(one.benchmark, items, seed=config.seed)
            told[one.benchmark.name]["agreement"] = agreed.plain()
            details += ["", *agreement_lines(agreed)]
        for each in compared:
            details += ["", *comparison_lines(one.benchmark.name, each)]
    whole = {
        "judge": _judge(config), "benchmarks": told,
        "lm_eval": [asdict(one) for one in harness],
    }  # fmt: skip
    write_atomic(run.folder / RESULTS, _json(whole))
    figures = _figures(config, results, told, shared, file)
    if harness:
        figures["lm_eval"] = {f"{one.task}/{one.metric}": one.value for one in harness}
        details += ["", *harness_lines(harness)]
    lines = ["# Evaluation", "", *_settings(config, figures), "", *overview(results), *details]
    run.report("\n".join(lines) + "\n")
    run.console.print("\n".join(lines[2:]), markup=False, highlight=False, soft_wrap=True)
    return figures


def _compared(
    config: EvaluateConfig, one: EvaluationSet, items: Sequence[Item]
) -> Iterator[Compared]:
    settings = config.set_of(one.benchmark.name)
    if settings is None:
        return
    if settings.reference is not None:
        yield compare_verdicts(items, settings.reference, "strict")
    if settings.reference_loose is not None and one.benchmark.has_loose:
        yield compare_verdicts(items, settings.reference_loose, "loose")


def _verdict_files(folder: Path, one: EvaluationSet, items: Sequence[Item]) -> dict[Reading, int]:
    """Write them; the responses left out by reading."""
    folder.mkdir(parents=True, exist_ok=True)
    readings: list[Reading] = ["strict", "loose"] if one.benchmark.has_loose else ["strict"]
    write_responses(folder / "responses.jsonl", items)
    return {
        reading: write_verdicts(folder / f"eval_results_{reading}.jsonl", items, reading)
        for reading in readings
    }


def _answers(config: EvaluateConfig, one: EvaluationSet) -> dict[str, Any]:
    """Where the responses come from: what must be alike for two runs to be compared."""
    settings = config.set_of(one.benchmark.name)
    if one.given is not None:
        return {
            "given": None if settings is None else settings.responses,
            "unanswered": one.given.unanswered, "unmatched": len(one.given.unmatched),
        }  # fmt: skip
    return {
        "given": None, "samples": config.samples, "greedy": config.greedy,
        "sampling": asdict(config.sampling), "max_tokens": config.longest,
    }  # fmt: skip


def _judge(config: EvaluateConfig) -> dict[str, Any]:
    """Who judged and how: what must be alike for two runs to be compared."""
    model = getattr(config.judge_llm, "model", None)
    told = {
        key: value
        for key in ("mode", "judge", "form", "max_tokens", "unknown", "reads")
        if (value := getattr(config.verdicts, key, None)) is not None
    }
    if (calibration := getattr(config.verdicts, "calibration", None)) is not None:
        told["calibration"] = digest(Path(calibration)) if Path(calibration).is_file() else None
    return {"verdicts": type(config.verdicts).__name__, "model": model, **told}


def _figures(
    config: EvaluateConfig, results: Sequence[Results], told: dict[str, Any], shared: SharedRun,
    file: Path,
) -> dict[str, Any]:  # fmt: skip
    rows = shared.rows()
    # Processes sample at the same time: the time that goes by is a share of their seconds.
    seconds = sum(row["sample_s"] / row["processes"] for row in rows)
    sampled = {one.benchmark for one in results if told[one.benchmark]["answers"]["given"] is None}
    tokens = sum(row["tokens"] for row in rows if row["benchmark"] in sampled)
    figures: dict[str, Any] = {
        one.benchmark: {
            name: value
            for column, rate in one.columns.items()
            for name, value in (
                (column, rate and rate.value),
                (f"{column}_95", rate and list(rate.interval)),
            )
        }
        for one in results
    }
    known = [one.cut_off for one in results if one.cut_off is not None]
    sampled_responses = sum(one.responses for one in results if one.cut_off is not None)
    figures |= {
        "responses": sum(one.responses for one in results),
        "unscored_criteria": sum(sum(one.unscored.values()) for one in results),
        "cut_off_share": sum(known) / sampled_responses if sampled_responses else None,
        "tokens_per_s": round(tokens / seconds) if sampled and seconds else None,
        "score_s": round(sum(row["score_s"] for row in rows), 2),
        "processes": shared.world,
        **spent_in(shared.folder),
        "rollouts": str(file),
    }
    if config.agreement:
        agreed = told["infobench"]["agreement"]
        figures["agreement"] = {key: agreed[key] for key in _AGREED}
    for one in results:
        for reading, compared in told[one.benchmark]["reference"].items():
            figures[one.benchmark][f"reference_{reading}"] = {
                **{key: compared[key] for key in ("criteria", "equal", "unexplained")},
                "unmatched": len(compared["unmatched"]),
            }
    return figures


def _settings(config: EvaluateConfig, figures: dict[str, Any]) -> Iterator[str]:
    yield f"Verdicts: {verdict_line(config.verdicts)}, model {_judge(config)['model']}."
    if figures["tokens_per_s"]:
        sampling = config.sampling
        how = (
            "greedily" if config.greedy else f"at temperature {sampling.temperature:g}, top-p "
            f"{sampling.top_p:g}, top-k {sampling.top_k}"
        )  # fmt: skip
        yield (f"Sampled {how}, {config.samples} a prompt, {figures['tokens_per_s']} tokens/s.")
    yield f"Judging took {figures['score_s']} s of {figures['processes']} processes."


def _given_lines(one: EvaluationSet) -> Iterator[str]:
    if one.given is None:
        return
    yield (
        f"Prompts without a response: {one.given.unanswered}; rows of no prompt: "
        f"{len(one.given.unmatched)}."
    )
    yield from (f"- {row}" for row in one.given.unmatched[:5])


def _json(value: dict[str, Any]) -> str:
    return json.dumps(finite(value), indent=1, ensure_ascii=True) + "\n"
