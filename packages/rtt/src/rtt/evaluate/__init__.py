"""Evaluation: what a policy or a file of responses is worth on a benchmark, with intervals.

In: responses with the verdicts of their criteria. Out: each benchmark's own figures (prompt- and
instruction-level, strict and loose, points, grades, ladders) with intervals over prompts, paired
comparisons of runs, agreement with other verdicts, verdict files in the references' format. Nothing
here samples or judges.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.evaluate.answers import Answer, Item, items_of
    from rtt.evaluate.benchmarks import BENCHMARKS, Benchmark
    from rtt.evaluate.rates import Rate
    from rtt.evaluate.results import Results, results_of

__all__ = [
    "BENCHMARKS", "Answer", "Benchmark", "Item", "Rate", "Results", "items_of", "results_of",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "BENCHMARKS": "rtt.evaluate.benchmarks",
        "Answer": "rtt.evaluate.answers",
        "Benchmark": "rtt.evaluate.benchmarks",
        "Item": "rtt.evaluate.answers",
        "Rate": "rtt.evaluate.rates",
        "Results": "rtt.evaluate.results",
        "items_of": "rtt.evaluate.answers",
        "results_of": "rtt.evaluate.results",
    },
)
