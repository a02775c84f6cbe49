"""The verb rtt-discriminator: train a relevance discriminator, measure it beside floors, export it.

In: labelled rows (a folder of rtt-label, or rule-made ones), a backbone, or a trained
discriminator. Out: `discriminator/` with an ordinary checkpoint and its model card, `report.md`
with tables, `figures.html`, headline figures. Several processes train together (torchrun,
accelerate); the first one measures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.errors import UserError
from lmcommon.llm.weights import quiet_loading
from rtt.discriminator.backbones import BACKBONE_SCHEMAS
from rtt.discriminator.card import Card, export
from rtt.discriminator.encoding import INSTRUCTION
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.finding import finding_rows
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.processes import same_everywhere
from rtt.discriminator.settings import TrainSettings
from rtt.run.discriminator_data import Parts, RuleRecipe, draw_parts, read_parts
from rtt.run.discriminator_report import Findings, figures_of, report_lines, write_page
from rtt.run.discriminator_tests import FLOORS, Floors, calibrate, test_parts
from rtt.run.identity import check_inputs
from rtt.run.method import keep_rows
from rtt.run.schemas import GROUPS

__all__ = ["DiscriminatorConfig", "discriminator", "main"]


@dataclass(kw_only=True)
class DiscriminatorConfig:
    """Configuration of rtt-discriminator."""

    seed: int = 0
    """Of the first weights, the order of the rows and the bootstrap."""
    labels: str | None = None
    """Folder of rtt-label; null: rule-made rows."""
    rules: RuleRecipe = field(default_factory=RuleRecipe)
    train: bool = True
    """false: a trained discriminator is only measured."""
    folder: str | None = None
    """With train=false: the trained discriminator, a folder or a hub id."""
    backbone: Any = None
    training: TrainSettings = field(default_factory=TrainSettings)
    finding: int = 0
    """Rows of finding words again that come first: for a backbone made from scratch."""
    reads_question: bool = False
    """Whether the task is read as well (the paper's discriminator does not)."""
    reads_verdict: bool = False
    """Whether it is told if the criterion is met, which a trainer knows when it asks (the paper's
    is not)."""
    name: str = "discriminator"
    """In the model card."""
    floors: list[str] = field(default_factory=lambda: ["ones", "zeros", "keywords"])
    """What it is measured beside; also embedding (embed=bundled) and contrast (policy=...)."""
    floor_rows: int = 1000
    """Rows of a part that embedding is measured on, at most."""
    contrast_rows: int = 200
    """Rows of a part that contrast is measured on, at most."""
    embed: Any = None
    policy: Any = None
    draws: int = 1000
    """Bootstrap samples of the prompts."""
    threads: int = 1

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.floors) - set(FLOORS)):
            raise UserError(f"floors: expected some of {', '.join(FLOORS)}; got {unknown}")
        if self.finding < 0:
            raise UserError(f"finding: expected 0 or more rows; got {self.finding!r}")
        for key in ("floor_rows", "contrast_rows", "threads"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        if not self.train and not self.folder:
            raise UserError(
                "folder: expected a trained discriminator with train=false; got nothing; give "
                "folder=FOLDER"
            )
        if self.train and self.folder:
            raise UserError(
                "folder: expected nothing with train=true; got "
                f"{self.folder!r}; give train=false to measure it, or backbone=pretrained "
                "backbone.path=FOLDER backbone.trained=true to train it on"
            )


def discriminator(config: DiscriminatorConfig, run: Run) -> dict[str, Any]:
    """Train a discriminator on labelled rows, measure it beside floors, and export it."""
    import transformers

    torch.set_num_threads(config.threads)
    folder: Path = same_everywhere(
        run.folder if run.is_kept else None, use_cpu=not torch.cuda.is_available()
    )
    check_inputs(run, _inputs(config))
    parts = _parts(config)
    with quiet_loading(transformers), _quiet(transformers):
        if config.train:
            model, trained = _train(config, run, folder, parts)
        else:
            model, trained = TokenDiscriminator.load(str(config.folder)), None
        if not run.is_kept:
            return {}
        calibration = calibrate(model, parts["validation"] or parts["train"])
        if trained is not None:
            model.tell(temperature=calibration.temperature)
        floors = Floors(
            names=tuple(config.floors), rows=config.floor_rows, contrast_rows=config.contrast_rows,
            embed=config.embed, policy=config.policy, seed=config.seed,
        )  # fmt: skip
        tested = test_parts(
            model, parts, floors, draws=config.draws, seed=config.seed, progress=run.progress
        )
    found = Findings(
        model=model, trained=trained, calibration=calibration, tested=tested,
        rows={name: len(rows) for name, rows in parts.items()},
    )  # fmt: skip
    figures = figures_of(found)
    place = Path(str(config.folder)) if trained is None else folder / "discriminator"
    lines = report_lines(found, name=config.name)
    if trained is not None:
        export(model, place, _card(config, found, lines))
    run.report("\n".join(lines) + "\n")
    page = write_page(found, run.folder / "figures.html", name=config.name)
    run.console.print("\n".join(lines[2:]), markup=False, highlight=False, soft_wrap=True)
    return {**figures, "seed": config.seed, "discriminator": str(place), "page": str(page)}


def _train(
    config: DiscriminatorConfig, run: Run, folder: Path, parts: Parts
) -> tuple[TokenDiscriminator, Any]:
    from rtt.discriminator.trainer import last_step, train

    if not parts["train"]:
        raise UserError(
            "labels: expected rows to train on (train.jsonl); got none; give train=false "
            "folder=DISCRIMINATOR to measure only"
        )
    texts = [f"{one.criterion} {one.response}" for one in parts["train"]]
    model = config.backbone.build(texts, seed=config.seed)
    kinds = sorted({one.kind for one in parts["train"]})
    model.tell(
        reads_question=config.reads_question, reads_verdict=config.reads_verdict,
        instruction=INSTRUCTION, kinds=kinds,
    )  # fmt: skip
    checkpoints = folder / "checkpoints"
    if run.is_kept:
        keep_rows(run, last_step(checkpoints))
    trained = train(
        model, parts["train"], config.training, checkpoints,
        first=list(finding_rows(texts, config.finding, seed=config.seed)),
        validation=_mixed(parts["validation"]), seed=config.seed,
        log=run.metrics if run.is_kept else None,
    )  # fmt: skip
    return model, trained


def _mixed(rows: Sequence[LabelledResponse]) -> list[LabelledResponse]:
    """In an order that has nothing to do with the file's, so that the first rows are a sample."""

    def key(one: LabelledResponse) -> bytes:
        text = f"{one.criterion}\0{one.response}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    return sorted(rows, key=key)


def _parts(config: DiscriminatorConfig) -> Parts:
    if config.labels is None:
        return draw_parts(config.rules, seed=config.seed)
    return read_parts(config.labels)


def _inputs(config: DiscriminatorConfig) -> dict[str, Path]:
    named = {"labels": config.labels, "folder": config.folder}
    named["backbone.path"] = getattr(config.backbone, "path", None) if config.train else None
    return {key: Path(one) for key, one in named.items() if one and Path(one).exists()}


def _card(config: DiscriminatorConfig, found: Findings, lines: Sequence[str]) -> Card:
    settings, path = config.training, getattr(config.backbone, "path", None)
    origin = "Rows drawn by rules" if config.labels is None else "Rows of a folder of rtt-label"
    counts = ", ".join(f"{name} {number:,}" for name, number in found.rows.items())
    return Card(
        name=config.name,
        backbone="trained from scratch" if path is None else f"started from {Path(path).name}",
        data=f"{origin}, split by prompt: {counts}. Labels by: {', '.join(found.sources)}.",
        training=f"{found.trained.steps} steps of {settings.batch * settings.accumulation} rows a "
        f"process, learning rate {settings.learning_rate:g}, {settings.precision}, seed "
        f"{config.seed}.",
        figures=lines[2:],
        seen=found.kinds("test"),
        held_out=found.kinds("held_out"),
    )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(before)


main = entrypoint(
    "rtt/discriminator", DiscriminatorConfig, discriminator, spans_processes=True,
    groups={
        "backbone": dict(BACKBONE_SCHEMAS), "policy": GROUPS["policy"],
        "embed": dict(EMBED_SCHEMAS),
    },
)  # fmt: skip

if __name__ == "__main__":
    main()
