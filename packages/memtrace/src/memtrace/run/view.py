"""`memtrace-view`: a trace in the browser: failures, their lineage, what-if, annotation."""

from __future__ import annotations

import signal
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget
from lmcommon.llm.config import LLM_SCHEMAS, BudgetConfig
from memtrace.viewing import view as open_page

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel

__all__ = ["ViewConfig", "main", "view"]


@dataclass(kw_only=True)
class ViewConfig:
    """What to show, and what the page may do."""

    trace: str
    """The trace file."""
    others: list[str] = field(default_factory=list)
    """Traces to compare it with."""
    attributions: str | None = None
    """A run folder of memtrace-trace or memtrace-attribute, or its attributions.jsonl; null: the
    one beside the trace, else failures are attributed in the background, without a model."""
    replay: bool = False
    """Whether the page may run the trace again with something changed."""
    annotate: list[str] = field(default_factory=list)
    """Names of those who may annotate, such as [ana,bo]; none: the page writes nothing."""
    llm: Any = None
    """Answers what replays ask anew; null: nothing does, and the page says what is missing."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    """Hard limits on what each replay may spend."""
    port: int = 0
    """Where to listen; 0: any free port."""
    host: str = "127.0.0.1"
    """Likewise; anything but this machine's own loopback needs i_know=true."""
    i_know: bool = False
    """That others can then reach the page, unencrypted."""
    open: bool = False
    """Whether to open the browser of this machine."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise UserError(f"port: expected 0 to 65535; got {self.port}; 0 takes any free one")


def view(config: ViewConfig, run: Run) -> dict[str, Any]:
    """Show a trace in the browser, until Ctrl-C. The page makes no request to elsewhere."""
    budget = config.budget.build()
    with _model(config) as model, open_page(
        config.trace, others=config.others, attributions=config.attributions,
        replay=config.replay, annotate=config.annotate, folder=run.folder / "replays",
        model=model, budget=None if budget == Budget() else budget, host=config.host,
        port=config.port, i_know=config.i_know,
    ) as page:  # fmt: skip
        # On standard output, at once: programs wait for this line.
        print(f"{config.trace}: open {page.url}", flush=True)
        run.console.print("Ctrl-C closes the page", markup=False, highlight=False)
        if config.open:
            webbrowser.open(page.url)
        _wait()
        return {"trace": config.trace, "requests": page.requests, "replays": page.replays}


@contextmanager
def _model(config: ViewConfig) -> Iterator[ChatModel | None]:
    if config.llm is None:
        yield None
        return
    model = config.llm.build()
    try:
        model.check()
        yield model
    finally:
        model.close()


def _wait() -> None:
    """Until Ctrl-C, or until the process is asked to end."""
    ended = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda *_: ended.set()) for one in signals]
    try:
        while not ended.wait(1.0):
            pass
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


main = entrypoint(
    "memtrace/view", ViewConfig, view, groups={"llm": LLM_SCHEMAS}, positional=("trace",)
)

if __name__ == "__main__":
    main()
