"""How fast a discriminator is served, beside the plain way, on real answers and criteria.

    python bench/rtt_serving.py --data ../shared/data [--models tiny minilm smollm2] [--rounds 5]
        [--parts 1] [--threads 1] [--pairs 0] [--repeated] [--tiny FOLDER] [--ways]

Pairs, fixed before the first measurement (docs/experiments.md): every stored answer of IFEval,
IFBench (verdict files, sample outputs) and InfoBench with each criterion of its prompt, in file
order. The strict and the loose verdict file hold the same answers, and so does the file of sample
outputs: an answer counts once, with `--repeated` as often as it is stored. `plain` takes batches of
32 pairs in file order, pads each on the right to its longest row and forwards it; `ours` is
`rtt.discriminator.reading.Reader`. Both begin with texts and end with a number for every character,
have the same weights in float32 and the same number of threads, and take turns; each is called
once on a few pairs before it counts. With `--parts N` a round is one N-th of the batches of 32
(every N-th of them), another one each round. CPU seconds of the process count, wall seconds are
printed beside. The ratio is the median over rounds; its interval is the bootstrap over rounds.
With `--ways` each of our measures is also taken away alone. `public` is what the paper's code does
(rows padded to the longest of all, batches of 4): not run, its tokens are counted.
Prints a line a model and one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from transformers import logging as transformers_logging

from lmcommon.data.files import read_rows
from lmcommon.data.registry import load_prompts
from lmcommon.embed import BundledEmbedder
from lmcommon.llm.bundled import bundled_folder
from lmcommon.stats import bootstrap_interval
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.characters import Chars, pair_characters
from rtt.discriminator.encoding import Asked, encode_pairs
from rtt.discriminator.model import batch_logits
from rtt.discriminator.reading import Reader, ReadSettings

BATCH = 32
VERDICTS = tuple(f"reference_verdicts_{mode}.dev.jsonl.gz" for mode in ("strict", "loose"))
SETS = {
    "ifeval": ("input_data.dev.jsonl", VERDICTS),
    "ifbench": ("IFBench_test.dev.jsonl", (*VERDICTS, "sample_output.dev.jsonl.gz")),
}
WAYS = {
    "without packed products": ReadSettings(pack=False),
    "without shared beginnings": ReadSettings(share=False),
    "batches of 16,384 tokens": ReadSettings(batch_tokens=16_384),
}


def stored_pairs(data: Path, *, repeated: bool) -> list[Asked]:
    """Pairs in file order."""
    pairs = []
    for name, (prompts_file, answer_files) in SETS.items():
        prompts = {one.prompt: one for one in load_prompts(name, data / name / prompts_file)}
        seen = set()
        for file in answer_files:
            for row in read_rows(data / name / file):
                answer = row.text("prompt"), row.text("response")
                if answer in seen and not repeated:
                    continue
                seen.add(answer)
                prompt = prompts[answer[0]]
                pairs += [Asked(one.text, answer[1]) for one in prompt.rubric.criteria]
    for prompt in load_prompts("infobench", data / "infobench/gpt4_outputs_and_verdicts.jsonl.gz"):
        output = str(prompt.metadata["output"])
        pairs += [Asked(one.text, output) for one in prompt.rubric.criteria]
    return pairs


def sample(pairs: Sequence[Asked], count: int) -> list[Asked]:
    """The first by hash, in file order; 0: all."""
    if not count:
        return list(pairs)

    def key(pair: Asked) -> str:
        return hashlib.sha256("\0".join(pair).encode()).hexdigest()

    limit = sorted(map(key, pairs))[count - 1]
    return [pair for pair in pairs if key(pair) <= limit]


@torch.inference_mode()
def plain(model: TokenDiscriminator, pairs: Sequence[Asked]) -> list[Chars]:
    """Batches of 32 in file order, padded on the right."""
    told = []
    for first in range(0, len(pairs), BATCH):
        part = pairs[first : first + BATCH]
        rows = encode_pairs(model.tokenizer, part, context=model.context)
        flat = [row for pieces in rows for row in pieces]
        values = []
        if flat:
            logits_BL = batch_logits(model, flat)
            values_BL = (logits_BL.float() / model.temperature).sigmoid().cpu().numpy()
            values = [
                line[row.start : len(row.ids)] for row, line in zip(flat, values_BL, strict=True)
            ]
        told += pair_characters([pair.response for pair in part], rows, values)
    return told


def timed(
    work: Callable[[list[Asked]], list[Chars]], pairs: list[Asked]
) -> tuple[list[Chars], float, float]:
    """Result, CPU seconds, wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    told = work(pairs)
    return told, time.process_time() - cpu, time.perf_counter() - wall


def make(name: str, pairs: Sequence[Asked], tiny: str) -> TokenDiscriminator:
    """A model by name, with a fresh head where it has none."""
    if name == "tiny" and tiny:
        return TokenDiscriminator.load(tiny)
    if name.startswith("tiny"):
        # As conf/backbone/tiny.yaml makes it; what the weights are does not matter for the speed.
        made = TinyDiscriminator(
            hidden=128, layers=3, context=512, pieces=6000, bidirectional=name != "tiny-causal",
            reads_matches=name != "tiny-causal",
        )  # fmt: skip
        return made.build((text for pair in pairs for text in pair), seed=0)
    if name == "minilm":
        return TokenDiscriminator.start(BundledEmbedder()._source())
    return TokenDiscriminator.start(bundled_folder(name))


def measure(name: str, pairs: list[Asked], options: argparse.Namespace) -> dict[str, Any]:
    """One model: rounds in turn."""
    model = make(name, pairs, options.tiny)
    rows = encode_pairs(model.tokenizer, pairs, context=model.context)
    lengths = [[len(row.ids) for row in pieces] for pieces in rows]
    works: dict[str, Callable[[list[Asked]], list[Chars]]] = {
        "plain": lambda mine: plain(model, mine), "ours": Reader(model).relevances,
    }  # fmt: skip
    if options.ways:
        works |= {way: Reader(model, given).relevances for way, given in WAYS.items()}
    batches = [pairs[first : first + BATCH] for first in range(0, len(pairs), BATCH)]
    taken: dict[str, list[float]] = {way: [] for way in works}
    walls: dict[str, list[float]] = {way: [] for way in taken}
    counts, worst = [], 0.0
    for work in works.values():
        work(pairs[:4])
    for number in range(options.rounds):
        mine = [pair for batch in batches[number % options.parts :: options.parts]
                for pair in batch]  # fmt: skip
        counts.append(len(mine))
        told: dict[str, list[Chars]] = {}
        for way in list(works) if number % 2 else list(reversed(works)):
            told[way], cpu, wall = timed(works[way], mine)
            taken[way].append(cpu)
            walls[way].append(wall)
        worst = max(
            [worst]
            + [
                float(np.abs(one - other).max(initial=0.0))
                for way in works
                for one, other in zip(told[way], told["plain"], strict=True)
            ]
        )
    ratios = {
        way: [b / a for a, b in zip(taken[way], taken["plain"], strict=True)]
        for way in works
        if way != "plain"
    }
    low, high = bootstrap_interval(ratios["ours"], median, seed=0)
    flat = [length for pieces in lengths for length in pieces]
    padded = sum(
        len(part) * max(part)
        for first in range(0, len(lengths), BATCH)
        if (part := [x for pieces in lengths[first : first + BATCH] for x in pieces])
    )
    return {
        "model": name, "parameters": sum(one.numel() for one in model.model.parameters()),
        "context": model.context, "pairs": len(pairs), "pairs_a_round": counts,
        "rows": len(flat), "tokens": sum(flat), "padded_to_the_batch": padded,
        "padded_to_the_longest": len(flat) * max(flat),
        "ratio": median(ratios["ours"]), "ratio_95": [low, high],
        "ratios": {way: [round(x, 3) for x in values] for way, values in ratios.items()},
        "pairs_per_cpu_s": {
            way: round(sum(counts) / sum(values), 2) for way, values in taken.items()
        },
        "pairs_per_s": {way: round(sum(counts) / sum(values), 2) for way, values in walls.items()},
        "largest_difference": worst, "threads": options.threads,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["tiny", "minilm", "smollm2"])
    for key, default in (("rounds", 5), ("parts", 1), ("threads", 1), ("pairs", 0)):
        parser.add_argument(f"--{key}", type=int, default=default)
    parser.add_argument("--repeated", action="store_true")
    parser.add_argument("--ways", action="store_true")
    parser.add_argument("--tiny", default="", help="a trained one in place of a fresh one")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads are counted
    transformers_logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    pairs = sample(stored_pairs(options.data, repeated=options.repeated), options.pairs)
    told = []
    for name in options.models:
        told.append(found := measure(name, pairs, options))
        print(
            f"{name}: {found['ratio']:.2f}x [{found['ratio_95'][0]:.2f}, "
            f"{found['ratio_95'][1]:.2f}], {found['pairs_per_cpu_s']} pairs a CPU second, largest "
            f"difference {found['largest_difference']:.2g}", flush=True,
        )  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
