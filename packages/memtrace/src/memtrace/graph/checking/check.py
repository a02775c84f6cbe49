"""Is a file a sound trace, and if not, what is wrong and what can be saved?

In: any path. Out: a `CheckReport`; nothing in or about the file makes the check itself fail. First
what the file is, then what SQLite says of its structure, then our own rules (`rules`), then whether
the rows are those that were written (`sealing`), then the log beside it, and with `deep=True` every
single value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memtrace.graph.checking.findings import CheckReport, Problem, Tick, gather
from memtrace.graph.checking.pages import Pages
from memtrace.graph.checking.records import KIND, NOUN, SAYS, damaged_records
from memtrace.graph.checking.rules import RULES, VALUES, add_functions, offenders, show
from memtrace.graph.checking.sealing import seal_problem
from memtrace.graph.checking.structure import structure_problems
from memtrace.graph.checking.verdicts import (
    SHOWN,
    can_be_saved,
    damaged,
    no_tick,
    no_trace_at_all,
    refusal,
)
from memtrace.graph.checking.wholeness import is_whole
from memtrace.graph.recording.lock import is_locked
from memtrace.graph.storage import schema, seals
from memtrace.graph.storage.blobs import BlobReader

__all__ = ["check"]

_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""SQLite's message may quote what is damaged, and then is no UTF-8 itself."""
_BEAT_EVERY = 200_000
"""Steps of SQLite's machine between two signs of life."""


def check(path: str | Path, *, deep: bool = False, tick: Tick | None = None) -> CheckReport:
    """Check a trace file. Any file gets a report, none an exception.

    Args:
        path: What is to be checked. It is only read.
        deep: Also decode every value and compare it with its digest.
        tick: Called with what is being done, how far it is, and how far it goes.
    """
    source = Path(path)
    try:
        return no_trace_at_all(source) or _Check(source, deep, tick or no_tick).report()
    except OSError as error:
        problem = Problem("cannot be read", "file", f"the system says: {error}")
        return refusal(source, "missing", problem, "See to it that the file can be read.")


class _Check:
    """One check of an SQLite file."""

    def __init__(self, path: Path, deep: bool, tick: Tick) -> None:
        self._path, self._deep, self._tick = path, deep, tick
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._beats = 0
        self._interrupted = False

    def report(self) -> CheckReport:
        is_recording = is_locked(self._path)
        if is_recording:
            self._notes.append("a recording is writing this trace: this is what is on disk so far")
        else:
            self._look_at_pages()
        counts: dict[str, int] | None = None
        version: int | None = None
        connection = self._connect()
        if connection is not None:
            try:
                verdict, version = self._look_at_kind(connection)
                if verdict is not None:
                    return verdict
                self._look_inside(connection, is_recording)
                counts = _counts(connection)
            finally:
                connection.close()
        if self._problems:
            return damaged(
                self._path, self._problems, can_be_saved(self._path, self._tick), version, counts,
                self._notes, is_recording,
            )  # fmt: skip
        return CheckReport(
            path=str(self._path), verdict="sound", schema=version, counts=counts,
            notes=tuple(self._notes), is_recording=is_recording,
        )  # fmt: skip

    def _look_at_pages(self) -> None:
        """What can be seen without SQLite: a file cut short, a damaged log."""
        with Pages(self._path) as pages:
            if pages.announced > pages.count or pages.is_cut_short:
                short = f"it ends on page {pages.count} of {pages.announced}"
                inside = ", in the middle of it" if pages.is_cut_short else ""
                self._found("truncated", "file", short + inside)
            log, beside = pages.log, f"{self._path.name}-wal"
            if log.lost_frames:
                self._found("log damaged", "file",
                            f"{beside} is damaged after {log.frames} of its pages; "
                            f"{log.lost_frames} later ones are lost")  # fmt: skip
            elif log.is_damaged:
                self._found("log damaged", "file", f"{beside} cannot be read at all")
            elif log.page_size not in (0, pages.size):
                self._found("log damaged", "file", f"{beside} is the log of another file")
            elif log.is_torn:
                self._notes.append(f"{beside} ends in the middle of a write, as after a kill: the "
                                   "last moment of the recording may be missing")  # fmt: skip
            if pages.is_left_open and not log.frames and not log.is_damaged:
                self._notes.append(f"the recording was not closed and {beside} is not here: if "
                                   "there is one elsewhere, put it beside the trace")  # fmt: skip

    def _connect(self) -> sqlite3.Connection | None:
        try:
            connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0,
                isolation_level=None,
            )  # fmt: skip
        except sqlite3.DatabaseError as error:
            self._found("cannot be opened", "file", f"SQLite says: {error}")
            return None
        # A text that is no UTF-8 is for a rule to find, not for the connection to break on.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.set_progress_handler(self._beat, _BEAT_EVERY)
        add_functions(connection)
        return connection

    def _beat(self) -> int:
        """A sign of life from inside SQLite; anything but 0 ends its statement."""
        try:
            self._beats += 1
            self._tick("checking the structure", self._beats, 0)
        except KeyboardInterrupt:  # it cannot pass through SQLite
            self._interrupted = True
        return int(self._interrupted)

    def _look_at_kind(
        self, connection: sqlite3.Connection
    ) -> tuple[CheckReport | None, int | None]:
        """A report if this is no trace for us to check, else its schema version."""
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        except _UNREADABLE as error:
            self._found("page damaged", "file", f"its first page: SQLite says: {error}")
            return None, None
        if not tables and application in (0, schema.APPLICATION_ID):
            if self._problems or can_be_saved(self._path, no_tick):
                self._found("page damaged", "file", "its list of tables is gone")
                return None, None
            return refusal(
                self._path, "empty", Problem("empty", "file", "nothing was recorded yet"),
                "A recording that was killed at once leaves this: record again, or resume it.",
                self._notes,
            ), None  # fmt: skip
        if application != schema.APPLICATION_ID:
            if not {"operations", "variables", "inputs", "blobs"} <= tables:
                what = f"it is an SQLite database of another program ({len(tables)} tables)"
                return refusal(
                    self._path, "foreign", Problem("no trace", "file", what),
                    "Give a file that memtrace.record wrote.",
                ), None  # fmt: skip
            self._found("header damaged", "file", "it no longer says that it is a trace")
        return self._look_at_version(connection)

    def _look_at_version(
        self, connection: sqlite3.Connection
    ) -> tuple[CheckReport | None, int | None]:
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except _UNREADABLE as error:
            self._found("page damaged", "file", f"in table meta: SQLite says: {error}")
            return None, None
        if row is None or not (str(row[0]).isascii() and str(row[0]).isdigit()):
            self._found("row damaged", "file", f"its schema version is {row and row[0]!r}")
            return None, None
        version = int(row[0])
        if version > schema.SCHEMA_VERSION and not self._problems:
            says = f"its schema version is {version}, this memtrace knows {schema.SCHEMA_VERSION}"
            return refusal(
                self._path, "newer", Problem("newer", "file", says), "Upgrade memtrace-llm."
            ), version
        return None, version

    def _look_inside(self, connection: sqlite3.Connection, is_recording: bool) -> None:
        """Structure, then rules and values: these are asked only where pages make sense."""
        with self._guarded("the structure"):
            self._problems += structure_problems(connection)
        if any(problem.kind == "page damaged" for problem in self._problems):
            return
        for rule in (*RULES, VALUES):
            with self._guarded(f"{rule.kind}, {rule.noun}"):
                self._gather(rule.kind, rule.noun, rule.says, offenders(connection, rule))
        with self._guarded("the seals"):
            self._look_at_seals(connection)
        if self._deep:
            with self._guarded("the values"):
                damaged = self._damaged_values(connection)
                self._gather("value damaged", "value", "do not match their digest", damaged)
            with self._guarded("the records of the import"):
                self._gather(KIND, NOUN, SAYS, damaged_records(connection))
        if not is_recording:
            with self._guarded("unfinished operations"):
                self._look_at_unfinished(connection)

    def _look_at_seals(self, connection: sqlite3.Connection) -> None:
        if not seals.is_sealed(connection):
            self._notes.append("an earlier memtrace wrote this trace without seals: a changed name "
                               "or number in it would not be seen")  # fmt: skip
            return
        connection.execute("BEGIN")  # a recording that goes on must not come in between
        try:
            problem = seal_problem(connection)
            self._problems += [problem] if problem else []
        finally:
            if connection.in_transaction:  # what cannot be read may have ended it
                connection.execute("ROLLBACK")

    def _gather(self, kind: str, noun: str, says: str, found: Iterator[str]) -> None:
        problem = gather(kind, noun, says, found)
        self._problems += [problem] if problem else []

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Go on to the next part of the check when the file is too damaged for this one."""
        try:
            yield
        except _UNREADABLE as error:
            if self._interrupted:
                raise KeyboardInterrupt from None
            if not any(problem.kind.endswith("damaged") for problem in self._problems):
                self._found("page damaged", "file", f"{what} cannot be read: SQLite says: {error}")

    def _found(self, kind: str, noun: str, says: str) -> None:
        self._problems.append(Problem(kind, noun, says))

    def _damaged_values(self, connection: sqlite3.Connection) -> Iterator[str]:
        total = connection.execute("SELECT count(*) FROM blobs").fetchone()[0]
        # A statement that fails on a damaged page makes SQLite lose the place of another one of
        # the same connection, which then may go round for ever: so the pieces of values come
        # over a connection of their own.
        pieces = self._connect()
        if pieces is None:
            return
        try:
            reader = BlobReader(pieces, self._path)
            stream = connection.execute("SELECT digest, encoding, codec, size, data FROM blobs")
            for done, (digest, encoding, codec, size, data) in enumerate(stream):
                self._tick("decoding values", done, total)
                if not is_whole(reader, encoding, codec, size, data, digest):
                    yield show("digest", digest)
        finally:
            pieces.close()

    def _look_at_unfinished(self, connection: sqlite3.Connection) -> None:
        statement = (
            "SELECT count(*) FROM operations WHERE finished_ns IS NULL AND error_type IS NULL"
        )
        count = connection.execute(statement).fetchone()[0]
        if count:
            self._notes.append(
                f"{count} operations never finished: the recording was killed while they ran; "
                "resuming it marks them"
            )


def _counts(connection: sqlite3.Connection) -> dict[str, int] | None:
    try:
        return {
            shown: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table, shown in SHOWN.items()
        }
    except _UNREADABLE:
        return None
