"""Exporting a trace as OpenTelemetry spans, to a file or to a receiver.

In: an open trace. Out: OTLP JSON lines (`.jsonl`, `.json`; `.gz` behind it compresses), OTLP
protobuf (`.pb`), or requests to an OTLP/HTTP endpoint such as Phoenix, Jaeger, MLflow, Langfuse or
a collector. Streams: memory does not grow with the trace.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from lmcommon.errors import UserError
from memtrace.graph.progress import progress
from memtrace.graph.reading.trace import Trace
from memtrace.interchange.otlp.json import request
from memtrace.interchange.otlp.post import Endpoint
from memtrace.interchange.otlp.proto import request_bytes
from memtrace.interchange.otlp.spans import Spans
from memtrace.interchange.otlp.types import Span
from memtrace.interchange.target import checked_target, is_address
from memtrace.interchange.types import ExportReport
from memtrace.types import Slice

__all__ = ["export_otlp"]

_BATCH_CHARS = 2_000_000
"""Close a batch at about this size, so that no receiver finds a request too large."""


def export_otlp(
    trace: Trace | str | Path, target: str | Path, *, slice: Slice | None = None,
    content: bool = True, max_value_chars: int | None = None,
    headers: Mapping[str, str] | None = None, batch: int = 256, timeout_s: float = 30.0,
    retries: int = 5, project: str = "memtrace",
) -> ExportReport:  # fmt: skip
    """Write a trace as OpenTelemetry spans to a file, or send it to a receiver.

    Every operation is a span; a top-level operation begins an OTLP trace of its own, and
    `session.id` keeps the run together. An input that another operation made is a span link to it,
    with the id of the variable. Attributes follow OpenInference and the GenAI conventions (memory
    operations included); those named `memtrace.*` let `import_otlp` rebuild the graph exactly.

    Args:
        trace: An open trace, or the path of one.
        target: A path (`.jsonl` or `.json`: a request a line; `.pb`: protobuf; `.gz` behind either
            compresses), or an address that begins with http:// or https://. A file that is there
            is replaced, unless it is a trace.
        slice: Only this part of the graph.
        content: Whether values go out, or only structure, times and metadata.
        max_value_chars: Cut longer values and mark them as cut. None keeps everything.
        headers: For a receiver: keys and the like.
        batch: Most spans in one request.
        timeout_s: For a receiver: how long one request may take.
        retries: For a receiver: how often a request that failed for the moment is tried again.
        project: Name of the project (Phoenix) and of the service (Jaeger).

    Returns:
        How many spans arrived, and what the receiver refused.

    Raises:
        UserError: If the file cannot be written, or the receiver refuses or cannot be reached.
        MissingExtraError: For a receiver or a `.pb` file without `memtrace-llm[otel]`.
        ValueError: For a batch below 1 or a negative cut.
    """
    if batch < 1 or (max_value_chars is not None and max_value_chars < 0):
        raise ValueError(
            f"expected batch >= 1 and max_value_chars >= 0; got {batch} and {max_value_chars}"
        )
    if not isinstance(trace, Trace):
        with Trace(trace) as opened:
            return export_otlp(
                opened, target, slice=slice, content=content, max_value_chars=max_value_chars,
                headers=headers, batch=batch, timeout_s=timeout_s, retries=retries,
                project=project,
            )  # fmt: skip
    path = None if is_address(target) else checked_target(target)
    spans = Spans(
        trace, slice=slice, content=content, max_value_chars=max_value_chars, project=project
    )
    total = trace.counts["operations"] if slice is None else len(slice.operations)
    batches = _batches(progress(spans, "exporting spans", total), batch)
    if path is None:
        endpoint = Endpoint(
            str(target), headers=headers or {}, timeout_s=timeout_s, retries=retries
        )
        return _to_endpoint(spans, batches, endpoint, trace)
    return _to_file(spans, batches, path, trace)


def _batches(spans: Iterable[Span], most: int) -> Iterator[list[Span]]:
    chunk: list[Span] = []
    chars = 0
    for span in spans:
        size = sum(len(value) for value in span.attributes.values() if isinstance(value, str))
        if chunk and (len(chunk) == most or chars + size > _BATCH_CHARS):
            yield chunk
            chunk, chars = [], 0
        chunk.append(span)
        chars += size
    if chunk:
        yield chunk


def _to_endpoint(
    spans: Spans, batches: Iterable[list[Span]], endpoint: Endpoint, trace: Trace
) -> ExportReport:
    sent = refused = 0
    problems: dict[str, int] = {}
    for chunk in batches:
        rejected, why = endpoint.post(request_bytes(spans.resource, chunk))
        sent, refused = sent + len(chunk), refused + rejected
        if rejected or why:
            problems[why] = problems.get(why, 0) + rejected
    return ExportReport(
        source=trace.path, target=endpoint.url, format="otlp", written=sent - refused,
        counts={"requests": endpoint.requests, "bytes": endpoint.bytes, "refused": refused,
                "cut": spans.cut},
        problems=tuple(
            f"the receiver refused {count} spans: {why or 'it does not say why'}"
            if count else f"the receiver says: {why}" for why, count in problems.items()
        ),
    )  # fmt: skip


def _to_file(spans: Spans, batches: Iterable[list[Span]], path: Path, trace: Trace) -> ExportReport:
    is_protobuf = ".pb" in path.suffixes[-2:]

    def line(chunk: list[Span]) -> bytes:
        text = json.dumps(request(spans.resource, chunk), ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"

    def message(chunk: list[Span]) -> bytes:
        return request_bytes(spans.resource, chunk)

    write: Callable[[list[Span]], bytes] = message if is_protobuf else line
    written = size = 0
    with _replacing(path) as stream:
        for chunk in batches:
            data = write(chunk)
            stream.write(data)
            written, size = written + len(chunk), size + len(data)
    return ExportReport(
        source=trace.path, target=str(path), format="otlp-protobuf" if is_protobuf else "otlp-json",
        written=written, counts={"bytes": size, "cut": spans.cut},
    )  # fmt: skip


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place only when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as raw:
            if path.suffix != ".gz":
                yield raw
            else:
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: writing the export failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
