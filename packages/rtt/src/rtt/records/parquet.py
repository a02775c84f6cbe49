"""Rollout records as Parquet: typed columns for other programs, and back without loss.

In: records. Out: one file, a row a response, that `datasets`, pandas, DuckDB and Spark read. Nested
values have a type of their own, so no two dictionaries are merged into one with nulls; the rubric,
whose criteria take any arguments, is text (JSON). NaN (not measured) is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from lmcommon.errors import DataError
from lmcommon.extras import require
from rtt.records.lines import is_unicode, plain_record, read_record, record_line
from rtt.records.record import Place, RolloutRecord

__all__ = ["ParquetGroups", "read_parquet", "write_parquet"]

_EXTRA = "rtt-llm[parquet]"
_TEXTS = (
    "label", "prompt_id", "prompt", "source", "rubric", "metadata", "response", "answers",
)  # fmt: skip
_ROWS = 256
"""Records in a row group: what is held in memory at once."""


def write_parquet(path: str | Path, records: Iterable[RolloutRecord]) -> None:
    """Write records into a new file, in their order.

    Raises:
        MissingExtraError: Without pyarrow.
    """
    arrow = require("pyarrow", extra=_EXTRA)
    parquet = require("pyarrow.parquet", extra=_EXTRA)
    schema = _schema(arrow)
    rows = iter(records)
    with parquet.ParquetWriter(path, schema, compression="zstd") as out:
        while part := [_row(one) for one in islice(rows, _ROWS)]:
            out.write_table(arrow.Table.from_pylist(part, schema=schema))


def read_parquet(path: Path) -> Iterator[RolloutRecord]:
    """Read records, a row group at a time.

    Raises:
        DataError: It is no Parquet file of rollouts; names file and row.
        MissingExtraError: Without pyarrow.
    """
    groups = ParquetGroups(path)
    try:
        for number in range(groups.number):
            yield from groups.read(number)
    finally:
        groups.close()


class ParquetGroups:
    """The row groups of a Parquet file of rollouts.

    Args:
        path: The file.

    Raises:
        DataError: It is none; on construction, or when a row is read.
        MissingExtraError: Without pyarrow.
    """

    def __init__(self, path: Path) -> None:
        arrow = require("pyarrow", extra=_EXTRA)
        parquet = require("pyarrow.parquet", extra=_EXTRA)
        self._path = path
        self._errors = (arrow.ArrowInvalid, ValueError, KeyError, TypeError, AttributeError)
        try:
            self._file = parquet.ParquetFile(path)
        except self._errors as error:
            raise self._not_a_record(error, 0) from error
        self.number: int = self._file.num_row_groups

    def read(self, number: int) -> list[RolloutRecord]:
        """The records of a row group."""
        records: list[RolloutRecord] = []
        try:
            for row in self._file.read_row_group(number).to_pylist():
                records.append(_record(row))
        except self._errors as error:
            raise self._not_a_record(error, number * _ROWS + len(records)) from error
        return records

    def places(self) -> dict[Place, tuple[int, int]]:
        """Where each place lies: row group, and row in it. Of equal places the first stays."""
        found: dict[Place, tuple[int, int]] = {}
        columns = ["step", "group", "sample"]
        try:
            for number in range(self.number):
                held = self._file.read_row_group(number, columns=columns).to_pydict()
                for row, place in enumerate(zip(*(held[name] for name in columns), strict=True)):
                    found.setdefault(place, (number, row))
        except self._errors as error:
            raise self._not_a_record(error, 0) from error
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _not_a_record(self, error: Exception, row: int) -> DataError:
        return DataError(f"expected a rollout record; {error!r}", path=str(self._path), row=row)


def _schema(arrow: Any) -> Any:
    numbers = arrow.list_(arrow.float64())
    span = arrow.struct([("start", arrow.int32()), ("end", arrow.int32())])
    verdict = arrow.struct(
        [
            ("satisfied", arrow.bool_()), ("spans", arrow.list_(span)), ("source", arrow.string()),
            ("rationale", arrow.string()), ("failure", arrow.string()),
            ("confidence", arrow.float64()), ("score", arrow.float64()),
        ]
    )  # fmt: skip
    return arrow.schema(
        [
            ("step", arrow.int64()), ("group", arrow.int64()), ("sample", arrow.int64()),
            ("label", arrow.string()), ("prompt_id", arrow.string()), ("prompt", arrow.string()),
            ("rubric", arrow.string()), ("source", arrow.string()), ("metadata", arrow.string()),
            ("response", arrow.string()), ("finish_reason", arrow.string()),
            ("policy_version", arrow.int64()), ("answers", arrow.string()),
            ("tokens", arrow.list_(arrow.int64())), ("logprobs", numbers),
            ("offsets", arrow.list_(span)), ("verdicts", arrow.list_(verdict)),
            ("relevance", arrow.list_(numbers)), ("advantage", numbers), ("exact", arrow.string()),
        ]
    )  # fmt: skip


def _row(record: RolloutRecord) -> dict[str, Any]:
    whole = plain_record(record)
    prompt, scored = whole["prompt"], whole["scored"]
    rollout = scored["rollout"]
    row = {
        "step": record.step, "group": record.group, "sample": record.sample, "label": record.label,
        "prompt_id": prompt["id"], "prompt": prompt["prompt"], "source": prompt["source"],
        "rubric": _text(prompt["rubric"]), "metadata": _text(prompt["metadata"]),
        "response": rollout["text"], "finish_reason": rollout["finish_reason"],
        "policy_version": rollout["policy_version"], "answers": rollout["prompt_id"],
        "tokens": rollout["tokens"], "logprobs": rollout["logprobs"],
        "offsets": _spans(rollout["offsets"]),
        "verdicts": [{**one, "spans": _spans(one["spans"])} for one in scored["verdicts"]],
        "relevance": scored["relevance"], "advantage": whole["advantage"], "exact": None,
    }  # fmt: skip
    texts = [row[name] for name in _TEXTS]
    texts += [one[key] or "" for one in scored["verdicts"] for key in ("rationale", "failure")]
    if not all(map(is_unicode, texts)):
        row = {**_readable(row), "exact": record_line(record)}
    return row


def _record(row: Mapping[str, Any]) -> RolloutRecord:
    if row["exact"] is not None:
        return read_record(json.loads(row["exact"]))
    return read_record(
        {
            "step": row["step"], "group": row["group"], "sample": row["sample"],
            "label": row["label"], "advantage": row["advantage"],
            "prompt": {
                "id": row["prompt_id"], "prompt": row["prompt"], "source": row["source"],
                "rubric": json.loads(row["rubric"]), "metadata": json.loads(row["metadata"]),
            },
            "scored": {
                "rollout": {
                    "prompt_id": row["answers"], "tokens": row["tokens"], "text": row["response"],
                    "logprobs": row["logprobs"], "offsets": _pairs(row["offsets"]),
                    "finish_reason": row["finish_reason"], "policy_version": row["policy_version"],
                },
                "verdicts": [{**one, "spans": _pairs(one["spans"])} for one in row["verdicts"]],
                "relevance": row["relevance"],
            },
        }
    )  # fmt: skip


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _spans(spans: Any) -> list[dict[str, int]] | None:
    return None if spans is None else [{"start": start, "end": end} for start, end in spans]


def _pairs(spans: Any) -> list[tuple[int, int]] | None:
    return None if spans is None else [(one["start"], one["end"]) for one in spans]


def _readable(value: Any) -> Any:
    """The same with a question mark for each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: _readable(one) for key, one in value.items()}
    return [_readable(one) for one in value] if isinstance(value, (list, tuple)) else value
