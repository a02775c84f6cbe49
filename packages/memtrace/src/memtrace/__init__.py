"""memtrace: which operation of a memory pipeline is to blame for a wrong answer?

    with memtrace.record("runs/demo/trace.db"):
        turn = memtrace.variable("I moved to Lisbon.", kind="message", name="D1:3")
        with memtrace.step("answer", kind="answer", inputs={"turn": turn}) as op:
            op.output("answer", "Lisbon")
    trace = memtrace.open("runs/demo/trace.db")

Importing `memtrace` is light; a name loads its module on first use.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from memtrace.attribution import Attribution, attribute
    from memtrace.graph.check import check
    from memtrace.graph.diff import Diff, diff
    from memtrace.graph.edges import EdgeWarning
    from memtrace.graph.findings import CheckReport, Problem
    from memtrace.graph.graph import Graph
    from memtrace.graph.handle import Handle
    from memtrace.graph.merging import merge
    from memtrace.graph.recorder import Recorder
    from memtrace.graph.repair import RepairReport, repair
    from memtrace.graph.step import Step
    from memtrace.graph.trace import Trace, open
    from memtrace.graph.tracing import bind, current, join, operation, record, step, variable
    from memtrace.graph.why import Why
    from memtrace.graph.why_not import WhyNot
    from memtrace.interchange.otlp import export_otlp, import_otlp
    from memtrace.interchange.smartcomment import import_memtracebench
    from memtrace.interchange.smartcomment_annotations import Annotation, read_annotations
    from memtrace.interchange.smartcomment_export import export_memtracebench
    from memtrace.interchange.types import ExportReport, ImportReport
    from memtrace.show import explain
    from memtrace.types import Operation, OperationError, SearchHit, Slice, Variable

__all__ = [
    "Annotation", "Attribution", "CheckReport", "Diff", "EdgeWarning", "ExportReport", "Graph",
    "Handle", "ImportReport", "Operation", "OperationError", "Problem", "Recorder", "RepairReport",
    "SearchHit", "Slice", "Step", "Trace", "Variable", "Why", "WhyNot", "attribute", "bind",
    "check", "current", "diff", "explain", "export_memtracebench", "export_otlp",
    "import_memtracebench", "import_otlp", "join", "merge", "open", "operation", "read_annotations",
    "record", "repair", "step", "variable",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("CheckReport", "Problem"), "memtrace.graph.findings"),
        "RepairReport": "memtrace.graph.repair",
        "check": "memtrace.graph.check",
        "repair": "memtrace.graph.repair",
        "Attribution": "memtrace.attribution",
        **dict.fromkeys(("Diff", "diff"), "memtrace.graph.diff"),
        "EdgeWarning": "memtrace.graph.edges",
        "Graph": "memtrace.graph.graph",
        "Handle": "memtrace.graph.handle",
        "Recorder": "memtrace.graph.recorder",
        "merge": "memtrace.graph.merging",
        "Step": "memtrace.graph.step",
        "Trace": "memtrace.graph.trace",
        "Why": "memtrace.graph.why",
        "WhyNot": "memtrace.graph.why_not",
        "attribute": "memtrace.attribution",
        "explain": "memtrace.show",
        **dict.fromkeys(("export_otlp", "import_otlp"), "memtrace.interchange.otlp"),
        **dict.fromkeys(
            ("Annotation", "read_annotations"), "memtrace.interchange.smartcomment_annotations"
        ),
        "export_memtracebench": "memtrace.interchange.smartcomment_export",
        "import_memtracebench": "memtrace.interchange.smartcomment",
        **dict.fromkeys(("ExportReport", "ImportReport"), "memtrace.interchange.types"),
        "open": "memtrace.graph.trace",
        **dict.fromkeys(
            ("bind", "current", "join", "operation", "record", "step", "variable"),
            "memtrace.graph.tracing",
        ),
        **dict.fromkeys(
            ("Operation", "OperationError", "SearchHit", "Slice", "Variable"), "memtrace.types"
        ),
    },
)
