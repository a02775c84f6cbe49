"""The recorders side by side: memtrace, smartcomment and the OpenTelemetry SDK.

Each is used the way its own documentation shows, with everything it can do to be fast that loses
nothing: OpenTelemetry's batch processor gets a queue that never drops.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Memtrace:
    """One SQLite file, written while recording."""

    suffix = ".db"

    def open(self, path: Path) -> None:
        import memtrace

        self._memtrace, self._path = memtrace, path
        self._recorder = memtrace.record(path)

    def value(self, text: str) -> Any:
        return self._memtrace.variable(text)

    def operation(self, inputs: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
        with self._memtrace.step(
            "update", kind="update", inputs={"sources": list(inputs)}
        ) as running:
            return [running.output("made", text) for text in outputs]

    def name_of(self, made: Any) -> str:
        return str(made.id)

    def close(self) -> None:
        self._recorder.close()


class Smartcomment:
    """A graph in memory, exported as one JSON document."""

    suffix = ".json"

    def open(self, path: Path) -> None:
        import smartcomment

        smartcomment.logger.remove()
        self._sc, self._path = smartcomment, path
        self._context = smartcomment.comment_graph()
        self._graph = self._context.__enter__()
        self._session = smartcomment.comment_session(session_name="bench")
        self._session.__enter__()

    def value(self, text: str) -> Any:
        self._sc.comment_variable(text)
        return text

    def operation(self, inputs: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
        # Plain values, one call: its identity is the content, and every call walks the stack.
        self._sc.comment_op(
            inputs=list(inputs), outputs=list(outputs), op_name="update", category="update"
        )
        return list(outputs)

    def name_of(self, made: Any) -> str:
        found = self._sc.comment_variable(made, to_runtime=True)
        return str(found.full_node_id)

    def close(self) -> None:
        self._session.__exit__(None, None, None)
        self._context.__exit__(None, None, None)
        with self._path.open("w", encoding="utf-8") as out:
            json.dump(self._graph.export_graph(), out, indent=4, ensure_ascii=False)


class OpenTelemetry:
    """Spans with the texts as attributes and links to the spans that made the inputs."""

    suffix = ".jsonl"

    def open(self, path: Path) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import (
            BatchSpanProcessor,
            ConsoleSpanExporter,
        )
        from opentelemetry.trace import Link

        self._out = path.open("w", encoding="utf-8")
        exporter = ConsoleSpanExporter(
            out=self._out, formatter=lambda span: span.to_json(indent=None) + "\n"
        )
        self._provider = TracerProvider()
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=2_000_000, max_export_batch_size=512)
        )
        self._tracer = self._provider.get_tracer("bench")
        self._link = Link

    def value(self, text: str) -> Any:
        with self._tracer.start_as_current_span("value", attributes={"output.0": text}) as span:
            return span.get_span_context(), text

    def operation(self, inputs: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
        attributes = {f"input.{i}": text for i, (_, text) in enumerate(inputs)}
        links = [self._link(context) for context, _ in inputs]
        with self._tracer.start_as_current_span(
            "update", attributes=attributes, links=links
        ) as span:
            for i, text in enumerate(outputs):
                span.set_attribute(f"output.{i}", text)
            context = span.get_span_context()
            return [(context, text) for text in outputs]

    def name_of(self, made: Any) -> str:
        return str(made[0].span_id)

    def close(self) -> None:
        self._provider.shutdown()
        self._out.close()


CONTESTANTS = {
    "memtrace": Memtrace, "smartcomment": Smartcomment, "opentelemetry": OpenTelemetry,
}  # fmt: skip
