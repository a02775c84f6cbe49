"""JSON replies: found in the text, checked against a schema, asked for once more when wrong.

In: requests with a JSON schema and the replies to them. Out: responses whose `parsed` holds the
validated value, or failures of kind `invalid_output` that carry the text. Nothing is guessed: a
reply with two candidate values, a duplicate key or `NaN` is invalid. Every implementation of
`ChatModel` uses `complete` (or `acomplete`), so that "validated and repaired once" means the same
everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from lmcommon.errors import ParseError
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, ModelFailure
from lmcommon.prompt import Prompt, load_prompt

__all__ = [
    "acomplete",
    "check_schema",
    "complete",
    "extract_json",
    "parse_reply",
    "repair_request",
    "with_schema_instruction",
]

# A fence closes on a line of its own (JSON text has no line break inside a string, so this is safe
# for values that hold backticks); some models close it right behind the value.
_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)\n[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_LAX_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_OPENING = re.compile(r"[\[{]")

Generate = Callable[[Sequence[ChatRequest]], list[ChatResponse]]
AGenerate = Callable[[Sequence[ChatRequest]], Awaitable[list[ChatResponse]]]


def extract_json(text: str) -> Any:
    """The one JSON value in a reply.

    Accepted: the value alone, the value in one code fence, or one object or array with prose
    around it.

    Raises:
        ParseError: No value, more than one, a duplicate key, or a number JSON does not know.
    """
    bare = text.strip()
    value, problem = _load(bare)
    if problem is None:
        return value
    fenced = _FENCE.findall(bare) or _LAX_FENCE.findall(bare)
    if len(fenced) > 1:
        raise ParseError(f"expected one JSON value, found {len(fenced)} code fences", reply=text)
    if fenced:
        value, problem = _load(fenced[0].strip())
        if problem is not None:
            raise ParseError(f"the code fence does not hold JSON ({problem})", reply=text)
        return value
    return _embedded(bare, text)


def parse_reply(text: str, schema: Mapping[str, Any]) -> Any:
    """`extract_json`, then validation.

    Args:
        text: The whole reply of the model.
        schema: A JSON schema (draft 2020-12 unless it says otherwise). References to other
            documents are refused, never fetched.

    Raises:
        ParseError: No single JSON value, or one that does not satisfy the schema.
        ValueError: The schema itself is malformed.
    """
    validator = _validator(json.dumps(schema, default=dict))
    value = extract_json(text)
    error = _first_error(validator, value)
    if error is not None:
        raise ParseError(f"the JSON value does not satisfy the schema: {error}", reply=text)
    return value


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless this is a JSON schema, so that no call is wasted on it."""
    _validator(json.dumps(schema, default=dict))


def with_schema_instruction(request: ChatRequest) -> ChatRequest:
    """The request with the schema written into its last message, for models without native support.

    The schema stays on the request; a request without one comes back as it is.
    """
    if request.schema is None:
        return request
    ask = _schema_prompt().fill(schema=json.dumps(request.schema, ensure_ascii=False, default=dict))
    last = request.messages[-1]
    if last.role == "user":
        messages = (*request.messages[:-1], Message("user", f"{last.content}\n\n{ask}"))
    else:
        messages = (*request.messages, Message("user", ask))
    return replace(request, messages=messages)


def repair_request(request: ChatRequest, reply: str, problem: str) -> ChatRequest:
    """The follow-up that shows the model its reply and what is wrong with it."""
    schema = json.dumps(request.schema, ensure_ascii=False, default=dict)
    ask = _repair_prompt().fill(problem=problem, schema=schema)
    shown = Message("assistant", reply or "(empty reply)")
    return replace(request, messages=(*request.messages, shown, Message("user", ask)))


def complete(
    requests: Sequence[ChatRequest], responses: Sequence[ChatResponse], generate: Generate
) -> list[ChatResponse]:
    """Fill in `parsed`, asking once more (as one batch) for what does not parse.

    Args:
        requests: What was asked, with the messages that were really sent.
        responses: One reply a request.
        generate: Raw generation (no structured output of its own) for the repair calls.

    Returns:
        One response a request. `usage` and `attempts` cover both calls.
    """
    done, repairs = _first_pass(requests, responses)
    if repairs:
        answers = generate(list(repairs.values()))
        for index, answer in zip(repairs, answers, strict=True):
            done[index] = _second_pass(requests[index], done[index], answer)
    return done


async def acomplete(
    requests: Sequence[ChatRequest], responses: Sequence[ChatResponse], generate: AGenerate
) -> list[ChatResponse]:
    """`complete` for asynchronous generation."""
    done, repairs = _first_pass(requests, responses)
    if repairs:
        answers = await generate(list(repairs.values()))
        for index, answer in zip(repairs, answers, strict=True):
            done[index] = _second_pass(requests[index], done[index], answer)
    return done


def _first_pass(
    requests: Sequence[ChatRequest], responses: Sequence[ChatResponse]
) -> tuple[list[ChatResponse], dict[int, ChatRequest]]:
    done: list[ChatResponse] = []
    repairs: dict[int, ChatRequest] = {}
    for index, (request, response) in enumerate(zip(requests, responses, strict=True)):
        parsed, problem = _try_parse(request, response)
        done.append(parsed)
        if problem is not None and request.schema is not None and parsed.ok:
            repairs[index] = repair_request(request, response.text, problem)
    return done, repairs


def _second_pass(request: ChatRequest, first: ChatResponse, second: ChatResponse) -> ChatResponse:
    calls = (first.failure.attempts if first.failure else 1) + (
        second.failure.attempts if second.failure else 1
    )
    merged = replace(
        second,
        usage=first.usage + second.usage,
        latency_ms=first.latency_ms + second.latency_ms,
    )
    if second.failure is not None:
        return replace(
            merged, text=second.text or first.text, failure=replace(second.failure, attempts=calls)
        )
    parsed, problem = _try_parse(request, merged)
    if problem is None or parsed.failure is not None:
        return parsed
    failure = ModelFailure(kind="invalid_output", message=f"{problem}; asked twice", attempts=calls)
    return replace(merged, finish_reason="error", failure=failure)


def _try_parse(request: ChatRequest, response: ChatResponse) -> tuple[ChatResponse, str | None]:
    """The response with `parsed` or failed for good; also what is wrong, if asking may help."""
    if request.schema is None or response.failure is not None:
        return response, None
    try:
        return replace(response, parsed=parse_reply(response.text, request.schema)), None
    except ParseError as error:
        return response, str(error)
    except ValueError as error:
        failure = ModelFailure(kind="bad_request", message=str(error))
        return replace(response, finish_reason="error", failure=failure), None


def _load(text: str) -> tuple[Any, str | None]:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant), None
    except RecursionError:
        return None, "nested too deeply"
    except ValueError as error:
        return None, str(error)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"duplicate keys among {[key for key, _ in pairs]}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _embedded(bare: str, reply: str) -> Any:
    """The only object or array inside prose."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
    found: list[Any] = []
    at = 0
    while (match := _OPENING.search(bare, at)) is not None:
        try:
            value, at = decoder.raw_decode(bare, match.start())
        except (ValueError, RecursionError) as error:
            raise ParseError(f"expected JSON ({error})", reply=reply) from error
        found.append(value)
    if len(found) != 1:
        raise ParseError(f"expected one JSON value, found {len(found)}", reply=reply)
    return found[0]


@cache
def _validator(schema_text: str) -> Any:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    schema = json.loads(schema_text)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"malformed JSON schema: {error.message}") from error
    return kind(schema, registry=Registry())


def _first_error(validator: Any, value: Any) -> str | None:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(validator.iter_errors(value))
    except Unresolvable as unresolvable:
        raise ValueError(f"JSON schema: cannot resolve {unresolvable}") from unresolvable
    except RecursionError:
        return "nested too deeply to be checked"
    if error is None:
        return None
    return f"at {error.json_path}: {error.message}"


@cache
def _schema_prompt() -> Prompt:
    return load_prompt("lmcommon.llm", "prompts/schema.md", ["schema"])


@cache
def _repair_prompt() -> Prompt:
    return load_prompt("lmcommon.llm", "prompts/repair.md", ["problem", "schema"])
