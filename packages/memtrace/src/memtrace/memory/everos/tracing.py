"""What all hooks share: the lineage, the prompts, and the first error that must not be swallowed.

EverOS catches whatever goes wrong in its background work. An intervention that makes no sense is
a mistake of the user's, so it is kept here and raised at the border (`check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lmcommon.errors import LmCommonError
from lmcommon.prompt import Prompt
from memtrace.execution.stage import Stage
from memtrace.memory.everos.clients import Call, calling, failure_of
from memtrace.memory.everos.lineage import Lineage
from memtrace.memory.everos.prompts import filled_by_everos

__all__ = ["Watch"]


class Watch:
    """The state of the hooks of one memory.

    Args:
        scope: Name of the memory; item ids start with it.
        prompts: What EverOS is given instead of its own; empty: its own.
    """

    def __init__(self, scope: str, prompts: Mapping[str, Prompt]) -> None:
        self.scope, self.prompts = scope, prompts
        self.lineage = Lineage()
        self._error: LmCommonError | None = None

    def item(self, identifier: str) -> str:
        """The item id of something EverOS stores, from the id of its row."""
        return f"{self.scope}/{identifier}"

    def wording(self, name: str) -> str | None:
        """The prompt that EverOS's code gets; None: its own."""
        prompt = self.prompts.get(name)
        return None if prompt is None else filled_by_everos(prompt)

    def keep(self, error: LmCommonError) -> None:
        """Remember an error that EverOS might swallow."""
        self._error = self._error or error

    def check(self) -> None:
        """Raise the error that was kept, if there is one."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    @contextmanager
    def stage(self, name: str, kind: str, **given: Any) -> Iterator[tuple[Stage, Call]]:
        """A stage that owns the next model call; a failed call marks it, and is raised after."""
        failed: Exception | None = None
        op = Stage(name, kind=kind, **given)
        with op, calling(op, name, kind) as call:
            try:
                yield op, call
            except LmCommonError as error:
                self.keep(error)
                raise
            except Exception as error:  # the border to EverOS's code; nothing is swallowed
                if failure_of(error) is None:
                    raise
                failed = error
        if failed is not None:
            raise failed
