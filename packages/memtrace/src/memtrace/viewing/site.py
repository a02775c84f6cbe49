"""What the page serves: one trace, what is said of it, and what may be done with it.

In: a trace file and options. Out: an object whose parts the routes ask. It owns every thread and
file that the page needs; `close()` lets go of them.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from memtrace.graph.checking.check import check
from memtrace.viewing.annotating import Annotations
from memtrace.viewing.attributing import Attributions
from memtrace.viewing.comparing import Comparison
from memtrace.viewing.memory import MemoryStates
from memtrace.viewing.opened import Opened
from memtrace.viewing.recorded import NAME, read_attributions
from memtrace.viewing.scopes import Scopes
from memtrace.viewing.searching import Finder
from memtrace.viewing.types import RefusedError, ViewOptions

if TYPE_CHECKING:
    from memtrace.viewing.replays import Replays

__all__ = ["Site"]


class Site:
    """Everything behind the page of one trace.

    Args:
        path: The trace.
        options: What the page may do.
        model: Answers what replays ask anew; None: nothing does.
        budget: A hard limit on what each replay may spend.

    Raises:
        UserError: A file is no trace that can be read (with a diagnosis), or is missing.
    """

    def __init__(
        self, path: Path, options: ViewOptions, model: ChatModel | None = None,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.options, self.model = options, model
        with ExitStack() as stack:
            self.opened = _opened(path, "", stack)
            self.others: dict[str, Opened] = {}
            for other in options.others:
                self._add(other, other.stem, stack)
            beside = path.with_name(NAME)
            chosen = options.attributions or (beside if beside.is_file() else None)
            recorded = {} if chosen is None else read_attributions(chosen)
            folder = options.folder
            if folder is None:
                made = stack.enter_context(TemporaryDirectory(prefix="memtrace-view-"))
                folder = Path(made)
            self.memory = MemoryStates(self.opened)
            self.finder = Finder(path)
            stack.callback(self.finder.close)
            self.attributions = Attributions(self.opened, recorded)
            stack.callback(self.attributions.close)
            self.scopes = Scopes(path)
            stack.callback(self.scopes.close)
            self.annotations = Annotations(self.opened, options.annotate)
            self.replays: Replays | None = None
            if options.replay:
                from memtrace.viewing.replays import Replays  # all that can run again is much

                self.replays = Replays(path, folder, model, budget, self._add_replay)
                stack.callback(self.replays.close)
            self._comparisons: dict[str, Comparison] = {}
            self._lock = threading.Lock()
            stack.callback(self._close_comparisons)
            self._stack = stack.pop_all()
        self._warming = threading.Thread(target=self._warm, name="warm", daemon=True)
        self._warming.start()

    def close(self) -> None:
        """Stop what runs, and release all files."""
        self._warming.join()
        self._stack.close()

    def comparison(self, key: str) -> Comparison:
        """This trace beside another one.

        Raises:
            RefusedError: There is no such other trace.
        """
        other = self.other(key)
        with self._lock:
            if key not in self._comparisons:
                self._comparisons[key] = Comparison(self.opened, other)
            return self._comparisons[key]

    def other(self, key: str) -> Opened:
        """Another trace that was given, or a replay that was made here.

        Raises:
            RefusedError: There is none of this key.
        """
        if key not in self.others:
            known = ", ".join(self.others) or "none: start the page with 'others=[TRACE]'"
            raise RefusedError(f"other: expected one of {known}; got {key!r}", 404)
        return self.others[key]

    def replaying(self) -> Replays:
        """The replays.

        Raises:
            RefusedError: The page may only look.
        """
        if self.replays is None:
            raise RefusedError(
                "replay: expected a page that may replay; this one only looks; start it with "
                "replay=true", 403,
            )  # fmt: skip
        return self.replays

    def _warm(self) -> None:
        """Read ahead what the first clicks need, in the order in which they need it."""
        with suppress(UserError):  # the page will say so, when it asks
            _ = self.opened.asked
        self.scopes.start()
        self.attributions.start()
        with suppress(UserError):
            self.opened.warm_graph()

    def _add_replay(self, path: Path) -> str:
        with self._lock:
            return self._add(path, path.stem, self._stack)

    def _add(self, path: Path, name: str, stack: ExitStack) -> str:
        key, number = name, 1
        while key in self.others:
            number += 1
            key = f"{name}-{number}"
        self.others[key] = _opened(path, key, stack)
        return key

    def _close_comparisons(self) -> None:
        for one in self._comparisons.values():
            one.close()


def _opened(path: Path, key: str, stack: ExitStack) -> Opened:
    """The trace, or what is wrong with the file."""
    try:
        opened = Opened(path, key)
    except UserError as error:
        if not path.is_file():
            raise
        raise UserError(f"{error}\n{check(path)}") from error
    stack.callback(opened.close)
    return opened
