"""The verl engine: token credit on a cluster, as a plug-in of verl.

In: settings of a run. Out: Parquet files and overrides that verl trains from. What verl imports is
`rtt.train.verl.plugin`; what is relied on in verl is pinned by `tests/verl`. Everything but
`installed`, `reward`, `trainer` and `plugin` works without verl.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.verl.codec import pack_rows, unpack_rows
    from rtt.train.verl.dataset import read_prompts, write_prompts
    from rtt.train.verl.estimator import rtt_estimator
    from rtt.train.verl.recipe import Recipe

__all__ = [
    "Recipe", "pack_rows", "read_prompts", "rtt_estimator", "unpack_rows", "write_prompts",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Recipe": "rtt.train.verl.recipe",
        "pack_rows": "rtt.train.verl.codec",
        "read_prompts": "rtt.train.verl.dataset",
        "rtt_estimator": "rtt.train.verl.estimator",
        "unpack_rows": "rtt.train.verl.codec",
        "write_prompts": "rtt.train.verl.dataset",
    },
)
