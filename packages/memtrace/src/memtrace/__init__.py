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
    from memtrace.attribution import Attribution, attribute, investigate
    from memtrace.graph.checking.check import check
    from memtrace.graph.checking.findings import CheckReport, Problem
    from memtrace.graph.checking.repair import RepairReport, repair
    from memtrace.graph.explaining.diff import Diff, diff
    from memtrace.graph.explaining.edges import EdgeWarning
    from memtrace.graph.explaining.why import Why
    from memtrace.graph.explaining.why_not import WhyNot
    from memtrace.graph.reading.graph import Graph
    from memtrace.graph.reading.trace import Trace, open
    from memtrace.graph.recording.handle import Handle
    from memtrace.graph.recording.recorder import Recorder
    from memtrace.graph.recording.step import Step
    from memtrace.graph.recording.tracing import (
        bind,
        current,
        join,
        operation,
        record,
        step,
        variable,
    )
    from memtrace.graph.storage.merging import merge
    from memtrace.interchange.otlp import export_otlp, import_otlp
    from memtrace.interchange.smartcomment.annotations import Annotation, read_annotations
    from memtrace.interchange.smartcomment.exporting import export_memtracebench
    from memtrace.interchange.smartcomment.files import import_memtracebench
    from memtrace.interchange.types import ExportReport, ImportReport
    from memtrace.memory.applying import apply_prompts
    from memtrace.memory.attach import Attachment, attach
    from memtrace.memory.functions import replayable
    from memtrace.memory.prompt_files import load_prompts
    from memtrace.replaying import Replay, Replayer, Rerunner, replay
    from memtrace.run.optimizing import Optimized, optimize
    from memtrace.show import explain
    from memtrace.types import Operation, OperationError, SearchHit, Slice, Variable
    from memtrace.viewing import View, view

__all__ = [
    "Annotation", "Attachment", "Attribution", "CheckReport", "Diff", "EdgeWarning",
    "ExportReport", "Graph", "Handle", "ImportReport", "Operation", "OperationError", "Optimized",
    "Problem", "Recorder", "RepairReport", "Replay", "Replayer", "Rerunner", "SearchHit", "Slice",
    "Step", "Trace", "Variable", "View", "Why", "WhyNot", "apply_prompts", "attach", "attribute",
    "bind", "check", "current", "diff", "explain", "export_memtracebench", "export_otlp",
    "import_memtracebench", "import_otlp", "investigate", "join", "load_prompts", "merge", "open",
    "operation", "optimize", "read_annotations", "record", "repair", "replay", "replayable",
    "step", "variable", "view",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("CheckReport", "Problem"), "memtrace.graph.checking.findings"),
        "RepairReport": "memtrace.graph.checking.repair",
        "check": "memtrace.graph.checking.check",
        "repair": "memtrace.graph.checking.repair",
        "Attribution": "memtrace.attribution",
        **dict.fromkeys(("Replay", "Replayer", "Rerunner", "replay"), "memtrace.replaying"),
        **dict.fromkeys(("Diff", "diff"), "memtrace.graph.explaining.diff"),
        "EdgeWarning": "memtrace.graph.explaining.edges",
        "Graph": "memtrace.graph.reading.graph",
        "Handle": "memtrace.graph.recording.handle",
        "Recorder": "memtrace.graph.recording.recorder",
        "merge": "memtrace.graph.storage.merging",
        "Step": "memtrace.graph.recording.step",
        "Trace": "memtrace.graph.reading.trace",
        "Why": "memtrace.graph.explaining.why",
        "WhyNot": "memtrace.graph.explaining.why_not",
        **dict.fromkeys(("attribute", "investigate"), "memtrace.attribution"),
        "explain": "memtrace.show",
        **dict.fromkeys(("export_otlp", "import_otlp"), "memtrace.interchange.otlp"),
        **dict.fromkeys(
            ("Annotation", "read_annotations"), "memtrace.interchange.smartcomment.annotations"
        ),
        "export_memtracebench": "memtrace.interchange.smartcomment.exporting",
        "import_memtracebench": "memtrace.interchange.smartcomment.files",
        **dict.fromkeys(("ExportReport", "ImportReport"), "memtrace.interchange.types"),
        **dict.fromkeys(("Attachment", "attach"), "memtrace.memory.attach"),
        "apply_prompts": "memtrace.memory.applying",
        "load_prompts": "memtrace.memory.prompt_files",
        **dict.fromkeys(("Optimized", "optimize"), "memtrace.run.optimizing"),
        "open": "memtrace.graph.reading.trace",
        "replayable": "memtrace.memory.functions",
        **dict.fromkeys(
            ("bind", "current", "join", "operation", "record", "step", "variable"),
            "memtrace.graph.recording.tracing",
        ),
        **dict.fromkeys(
            ("Operation", "OperationError", "SearchHit", "Slice", "Variable"), "memtrace.types"
        ),
        **dict.fromkeys(("View", "view"), "memtrace.viewing"),
    },
)
