"""Opening the page of a trace, from Python or for the verb.

with memtrace.view("trace.db") as page:
    print(page.url)
    input("press return to close the page")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from memtrace.viewing.guarding import LOOPBACK
from memtrace.viewing.server import PageServer
from memtrace.viewing.site import Site
from memtrace.viewing.types import ViewOptions

__all__ = ["View", "view"]


class View:
    """A page that is open. Use as a context manager, or `close()` it.

    Args:
        site: What it shows.
        host: Where it listens.
        port: Likewise; 0: any free one.

    Raises:
        UserError: The address cannot be had.
    """

    def __init__(self, site: Site, host: str, port: int) -> None:
        self._site = site
        self._server = PageServer(site, host=host, port=port)

    @property
    def url(self) -> str:
        """The address to open, with the token. Whoever knows it sees the trace."""
        return self._server.guard.url

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return self._server.requests

    @property
    def replays(self) -> int:
        """How many replays were asked for on the page."""
        return 0 if self._site.replays is None else self._site.replays.count

    def close(self) -> None:
        """Close the page; a replay that runs is finished first."""
        self._server.close()
        self._site.close()

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def view(
    path: str | Path, *, others: Sequence[str | Path] = (), replay: bool = False,
    annotate: Sequence[str] = (), attributions: str | Path | None = None,
    folder: str | Path | None = None, model: ChatModel | None = None,
    budget: Budget | None = None, host: str = "127.0.0.1", port: int = 0,
    i_know: bool = False,
) -> View:  # fmt: skip
    """Open the page of a trace on this machine. The trace itself is never written.

    Args:
        path: The trace.
        others: Traces to compare it with.
        replay: Whether the page may run it again.
        annotate: Names of those who may annotate failures; their forms lie beside the trace.
        attributions: A run folder of memtrace-trace or memtrace-attribute, or its
            `attributions.jsonl`; None: the one beside the trace, else they are made.
        folder: Where traces of replays go; None: a temporary folder that goes with the page.
        model: Answers what replays ask anew; None: such calls are missing, and the page says so.
        budget: A hard limit on what each replay may spend.
        host: Where to listen. Anything but this machine's own loopback needs `i_know`.
        port: 0: any free one.
        i_know: That others can then reach the page, that it is not encrypted, and that whoever has
            its address sees all of the trace.

    Returns:
        The page; it serves until it is closed.

    Raises:
        UserError: The trace cannot be read (with a diagnosis), or the address cannot be had.
    """
    if host not in LOOPBACK and not i_know:
        raise UserError(
            f"host: expected 127.0.0.1; got {host!r}, where others can reach the page and nothing "
            "is encrypted; if that is what you want, give i_know=true"
        )
    options = ViewOptions(
        folder=None if folder is None else Path(folder), replay=replay, annotate=tuple(annotate),
        attributions=None if attributions is None else Path(attributions),
        others=tuple(map(Path, others)),
    )  # fmt: skip
    site = Site(Path(path), options, model, budget)
    try:
        return View(site, host, port)
    except BaseException:
        site.close()
        raise
