"""The page behind `memtrace-view`: one trace, looked at in a browser on this machine."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.viewing.opening import View, view
    from memtrace.viewing.types import ViewOptions

__all__ = ["View", "ViewOptions", "view"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("View", "view"), "memtrace.viewing.opening"),
        "ViewOptions": "memtrace.viewing.types",
    },
)
