"""Makes the otlp_*.json fixtures with the real packages. Run by hand, not by the tests.

    python make_otlp_fixtures.py sdk          # opentelemetry-sdk, openinference-instrumentation
    python make_otlp_fixtures.py phoenix URL  # a running `phoenix serve`; arize-phoenix-client
    python make_otlp_fixtures.py mlflow URL   # a running `mlflow server` (3.6 or newer)

All three record the same small program: two questions over two notes; the second one's model fails.
Stack traces are shortened, since they hold the paths of the machine.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

HERE = Path(__file__).parent
NOTES = ["Anna moved to Lisbon in 2021 for work.", "Anna has a dog called Bento, a beagle."]
QUESTIONS = [("Where does Anna live?", False), ("What dog does Anna have?", True)]
ANSWER = "Lisbon, since 2021."


def messages(question: str) -> list[dict[str, str]]:
    notes = "\n".join(NOTES)
    return [
        {"role": "system", "content": "Answer from the notes."},
        {"role": "user", "content": f"Notes:\n{notes}\n\nQuestion: {question}"},
    ]


def ask(tracer: Any, question: str, fails: bool) -> None:
    with tracer.start_as_current_span("ask", openinference_span_kind="chain") as root:
        root.set_input(question)
        with tracer.start_as_current_span("search", openinference_span_kind="retriever") as span:
            span.set_input(question)
            for place, note in enumerate(NOTES):
                stem = f"retrieval.documents.{place}.document"
                span.set_attribute(f"{stem}.content", note)
                span.set_attribute(f"{stem}.id", f"note-{place}")
                span.set_attribute(f"{stem}.score", 0.9 - place / 10)
        with tracer.start_as_current_span("ChatCompletion", openinference_span_kind="llm") as span:
            span.set_input({"messages": messages(question), "model": "gpt-x"})
            for place, message in enumerate(messages(question)):
                for key, text in message.items():
                    span.set_attribute(f"llm.input_messages.{place}.message.{key}", text)
            span.set_attribute("llm.model_name", "gpt-x")
            span.set_attribute("llm.invocation_parameters", json.dumps({"temperature": 0}))
            span.set_attribute("llm.token_count.prompt", 40)
            span.set_attribute("llm.token_count.completion", 5)
            if fails:
                raise TimeoutError("no reply in 30 s")
            span.set_attribute("llm.output_messages.0.message.role", "assistant")
            span.set_attribute("llm.output_messages.0.message.content", ANSWER)
            span.set_output(ANSWER)
        root.set_output(ANSWER)


def record(processor: Any) -> None:
    from openinference.instrumentation import TracerProvider
    from opentelemetry.sdk.resources import Resource

    provider = TracerProvider(
        resource=Resource({"service.name": "rag", "openinference.project.name": "rag"})
    )
    provider.add_span_processor(processor)
    for question, fails in QUESTIONS:
        try:
            ask(provider.get_tracer("rag"), question, fails)
        except TimeoutError:
            continue
    provider.shutdown()


def sdk() -> None:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    record(SimpleSpanProcessor(memory))
    request = encode_spans(memory.get_finished_spans())
    for resource_spans in request.resource_spans:
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            for pair in (pair for event in span.events for pair in event.attributes):
                if pair.key == "exception.stacktrace":
                    pair.value.string_value = "Traceback (shortened)"
    (HERE / "otlp_openinference.pb").write_bytes(request.SerializeToString())
    write(
        "otlp_openinference.json", MessageToDict(request, use_integers_for_enums=True), hexadecimal
    )


def phoenix(url: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from phoenix.client import Client

    record(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    time.sleep(3)
    client = Client(base_url=url)
    write("otlp_phoenix_spans.json", client.spans.get_spans(project_identifier="rag", limit=100))
    frame = client.spans.get_spans_dataframe(project_identifier="rag", limit=100)
    write("otlp_phoenix_frame.json", json.loads(frame.to_json(orient="records", date_format="iso")))
    with urlopen(f"{url}/v1/projects/rag/spans/otlpv1?limit=100") as reply:
        write("otlp_phoenix_rest.json", json.load(reply))


def mlflow(url: str) -> None:
    import mlflow
    from mlflow.entities import Document

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("rag")

    @mlflow.trace(span_type="RETRIEVER")
    def search(query: str) -> list[Document]:
        return [
            Document(page_content=note, metadata={"score": 0.9}, id=f"note-{place}")
            for place, note in enumerate(NOTES)
        ]

    @mlflow.trace(span_type="CHAT_MODEL")
    def chat(messages: list[dict[str, str]], fails: bool) -> str:
        if fails:
            raise TimeoutError("no reply in 30 s")
        span = mlflow.get_current_active_span()
        counts = {"input_tokens": 40, "output_tokens": 5, "total_tokens": 45}
        span.set_attribute("mlflow.chat.tokenUsage", counts)
        span.set_attribute("mlflow.llm.model", "gpt-x")
        return ANSWER

    @mlflow.trace(span_type="CHAIN")
    def ask(question: str, fails: bool) -> str:
        search(question)
        return chat(messages(question), fails)

    for question, fails in QUESTIONS:
        try:
            ask(question, fails)
        except TimeoutError:
            continue
    mlflow.flush_trace_async_logging()
    time.sleep(3)
    traces = mlflow.search_traces(return_type="list")
    write("otlp_mlflow.json", [json.loads(trace.to_json()) for trace in traces])


def hexadecimal(key: str, value: Any) -> Any:
    """OTLP JSON has ids in hexadecimal where protobuf JSON has base64."""
    is_id = key in ("traceId", "spanId", "parentSpanId")
    return base64.b64decode(value).hex() if is_id else value


def write(
    name: str, data: Any, change: Callable[[str, Any], Any] = lambda key, value: value
) -> None:
    def clean(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("Traceback"):
            return "Traceback (shortened)"
        if isinstance(value, list):
            return [clean(part) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            key: clean(change(key, part))
            for key, part in value.items()
        }  # fmt: skip

    (HERE / name).write_text(json.dumps(clean(data), indent=1, default=str) + "\n", "utf-8")


if __name__ == "__main__":
    {"sdk": sdk, "phoenix": phoenix, "mlflow": mlflow}[sys.argv[1]](*sys.argv[2:])
