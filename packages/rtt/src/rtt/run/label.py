"""The verb rtt-label: labelled responses for a discriminator, from program checks, people, models.

In: which sources, and their files. Out: training, validation and test rows that share no prompt
and no response, rows of held-out kinds, what was rejected and why, and a report of what the set is
made of. A killed run goes on where it stopped.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.data.config import PROMPT_SCHEMAS
from rtt.labelling.sources import LabelSourceOf
from rtt.run.identity import Served, check_inputs, inputs_of
from rtt.run.label_report import conclude
from rtt.run.label_settings import LabelConfig
from rtt.run.label_sources import STORED, OpenSources
from rtt.run.schemas import GROUPS

__all__ = ["LabelConfig", "label", "main"]


def label(config: LabelConfig, run: Run) -> dict[str, Any]:
    """Make labelled responses from every source, divide them and report."""
    check_inputs(run, _inputs(config))
    with ExitStack() as opened:
        for name, source in OpenSources(config, run.folder, opened).open().items():
            _take(run, name, source, config.batch)
    return conclude(run, config.sources, config.split)


def _take(run: Run, name: str, source: LabelSourceOf, size: int) -> None:
    """Work off the items of a source that the run has not done yet."""
    kept = f"outcomes-{name}"
    begun = len(run.read(kept))
    firsts = range(begun, source.total, size)
    for first in run.progress(firsts, name, total=len(firsts)):
        for outcome in source.take(first, min(first + size, source.total)):
            run.append(kept, outcome.to_json())


def _inputs(config: LabelConfig) -> dict[str, Path | Served]:
    responses = None if config.responses == STORED else config.responses
    named = {f"files ({number})": path for number, path in enumerate(config.files)}
    data = None if config.data is None else config.data.path
    return inputs_of(
        None, texts=config.texts, data=data, responses=responses, people=config.people or None,
        **named,
    )  # fmt: skip


main = entrypoint(
    "rtt/label", LabelConfig, label,
    groups={"data": dict(PROMPT_SCHEMAS), **{key: GROUPS[key] for key in ("verdicts", "llm")}},
)  # fmt: skip

if __name__ == "__main__":
    main()
