"""The verb rtt-validate: what does a file of prompts or rollouts hold, and what is wrong with it?

Leaves with exit code 0 when nothing is wrong, with 1 when something is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.data.validate import VALIDATED, validate_file
from lmcommon.errors import UserError
from lmcommon.runlog import finite, write_atomic
from rtt.engine.given import load_tokenizer
from rtt.records import rollouts_in
from rtt.records.parts import FILE
from rtt.show.soundness import check_rollouts

__all__ = ["ValidateConfig", "main", "validate"]

ROLLOUTS = "rollouts"


@dataclass(kw_only=True)
class ValidateConfig:
    """Which file to check, and as what."""

    path: str = "???"
    """A file or folder of prompts, a hub id, a run folder, or a file of rollouts."""
    name: str | None = None
    """ifeval, ifbench, muldimif, hir, infobench, ... or rollouts; null: rollouts."""
    tokenizer: str | None = None
    """Measures prompts: a folder, a hub id or bundled:smollm2; null: lengths are not looked at."""
    min_tokens: int = 5
    """A prompt of so many tokens or fewer is too short."""
    max_tokens: int = 2048
    """A prompt of more is too long."""
    most: int = 20
    """Lines of each list; 0: all."""
    out: str | None = None
    """Write the whole report, with every detail, into this JSON file."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_tokens < self.max_tokens:
            raise UserError(
                f"expected 0 <= min_tokens < max_tokens; got {self.min_tokens}, {self.max_tokens}"
            )
        if self.most < 0:
            raise UserError(f"most: expected 0 or more; got {self.most}")


def validate(config: ValidateConfig, run: Run) -> dict[str, Any]:
    """Say what a file of prompts or rollouts holds and what is wrong with it."""
    if config.name not in (None, ROLLOUTS, *VALIDATED):
        known = ", ".join((*VALIDATED, ROLLOUTS))
        raise UserError(f"name: expected one of {known}; got {config.name!r}")
    most = config.most or None
    if _is_rollouts(config):
        report = check_rollouts(rollouts_in(config.path))
        figures, lines, details = report.figures(), report.lines(most=most), list(report.faults)
        whole = {**figures, "details": details}
    else:
        tokenizer = None if config.tokenizer is None else load_tokenizer(config.tokenizer)
        found = validate_file(
            str(config.name), config.path, tokenizer=tokenizer, min_tokens=config.min_tokens,
            max_tokens=config.max_tokens,
        )  # fmt: skip
        whole, lines = found.figures(), found.lines(most=most)
        figures = {k: v for k, v in whole.items() if k not in ("details", "kinds")}
    run.console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if config.out is not None:
        figures["out"] = _write(Path(config.out), whole)
    return figures


def _is_rollouts(config: ValidateConfig) -> bool:
    if config.name is not None:
        return config.name == ROLLOUTS
    path = Path(config.path)
    if path.is_dir() or path.name.startswith(Path(FILE).stem):
        return True
    raise UserError(
        f"expected {FILE}, a run folder, or what the prompts are: rtt-validate {config.path} NAME "
        f"with one of {', '.join(VALIDATED)} (or {ROLLOUTS})"
    )


def _write(path: Path, report: Mapping[str, Any]) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(finite(report), indent=1) + "\n")
    except OSError as error:
        raise UserError(f"out: {path} cannot be written: {error}") from error
    return str(path)


def is_refusal(figures: Mapping[str, Any]) -> bool:
    """Whether something is wrong."""
    return bool(figures["faults"])


main = entrypoint(
    "rtt/validate", ValidateConfig, validate, groups={}, positional=("path", "name"),
    keeps_run=False, is_refusal=is_refusal, refusal_code=1,
)  # fmt: skip

if __name__ == "__main__":
    main()
