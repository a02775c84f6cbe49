"""Hooks on EverOS's writers: what goes into the store is recorded there, and can be changed there.

Operations: `store_episode`, `store_facts`, `store_profile`, each with the point `writes`, a list
of `{"event": "ADD"|"UPDATE"|"DELETE", "item", "text"}`. EverOS keeps its memory in Markdown
files; ADD appends an entry (an item of its own choice where none is named), UPDATE and DELETE
rewrite one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Date
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.places import now
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.everos.entries import EntryFile, Template
from memtrace.memory.everos.extracting import FACTS, PROFILE
from memtrace.memory.everos.package import module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.profiles import profile_rows, profile_text
from memtrace.memory.everos.tracing import Watch

__all__ = ["StoreHooks", "checked_writes"]

_EVENTS = ("ADD", "UPDATE", "DELETE")


class StoreHooks:
    """Hooks on the writers of episodes, facts and profiles.

    Args:
        watch: Shared state.
        is_frozen: Name files by the time of the session, not by today's date.
    """

    def __init__(self, watch: Watch, *, is_frozen: bool) -> None:
        self._watch, self._is_frozen = watch, is_frozen

    def install(self, patches: Patches) -> None:
        """Put the hooks in place."""
        strategies = "everos.memory.strategies"
        if self._is_frozen:
            for side in ("writers", "readers"):
                home = module(f"everos.infra.persistence.markdown.{side}.base")
                patches.set(home, "today_with_timezone", _today)
        episodes = module("everos.service.memorize")._get_episode_writer()
        facts = module(f"{strategies}.extract_atomic_facts")._get_writer()
        patches.set(episodes, "append_entries", self._append(episodes, "store_episode", "Content"))
        patches.set(facts, "append_entries", self._append(facts, "store_facts", "Fact"))
        profiles = module(f"{strategies}.extract_user_profile")._get_writer()
        patches.set(profiles, "write", self._profile(profiles.write))

    # Episodes and facts ---------------------------------------------------------------------

    def _append(self, writer: Any, name: str, section: str) -> Any:
        original = writer.append_entries

        async def append_entries(
            owner: str, entries: Sequence[Template], *, date: Date | None = None, **space: str
        ) -> list[Any]:
            file = EntryFile(writer, owner, date or _bucket(), section, space)
            identifiers = await file.next_ids(len(entries))
            templates = {
                self._item(owner, identifier): (identifier, entry)
                for identifier, entry in zip(identifiers, entries, strict=True)
            }
            rows = [
                {"event": "ADD", "item": item, "text": file.text(entry)}
                for item, (_, entry) in templates.items()
            ]
            with Stage(
                name, kind="store", inputs=self._sources(name, entries), points=("writes",)
            ) as op:
                settled = self._settled(op, rows, name)
                for row in settled:
                    if row["event"] != "ADD":
                        op.input("items", self._watch.lineage.items[row["item"]])
                if settled == rows:
                    identifiers = await original(owner, entries, date=date, **space)
                    templates = {
                        self._item(owner, one): (one, entry)
                        for one, entry in zip(identifiers, entries, strict=True)
                    }
                    for row, item in zip(settled, templates, strict=True):
                        row["item"] = item  # others may have written meanwhile
                else:
                    templates = await self._write(file, owner, settled, templates)
                self._record(op, settled, templates, file)
            return identifiers

        return append_entries

    async def _write(
        self, file: EntryFile, owner: str, rows: Sequence[dict[str, Any]],
        templates: Mapping[str, tuple[Any, Template]],
    ) -> dict[str, tuple[Any, Template]]:  # fmt: skip
        """Write what a replay wants instead; gives what was written, by item."""
        made: dict[str, tuple[Any, Template]] = {}
        _, pattern = next(iter(templates.values()))
        spare = await file.next_ids(len(templates) + len(rows))
        spare = spare[len(templates) :]
        for row in rows:
            if row["event"] == "ADD":
                item = row.get("item")
                identifier, entry = templates.get(item or "", (None, pattern))
                if identifier is None or item in made:
                    identifier = spare.pop(0)
                item = row["item"] = self._item(owner, identifier)
                made[item] = identifier, file.with_text(entry, row["text"])
                await file.append(identifier, made[item][1])
            else:
                text = row["text"] if row["event"] == "UPDATE" else None
                await file.rewrite(row["item"].removeprefix(self._item(owner, "")), text)
        return made

    def _record(
        self, op: Stage, rows: Sequence[Mapping[str, Any]],
        templates: Mapping[str, tuple[Any, Template]], file: EntryFile,
    ) -> None:  # fmt: skip
        lineage = self._watch.lineage
        for row in rows:
            item = row["item"]
            if row["event"] == "DELETE":
                lineage.written.append(op.deleted(item))
                lineage.items.pop(item, None)
                continue
            note: dict[str, Any] = {}
            text = file.kept(row["text"])
            if item in templates:
                identifier, (inline, _) = templates[item]
                parent = str(inline.get("parent_id", ""))
                note["parent"] = parent
                cell = parent if parent in lineage.turns else lineage.parents.get(parent, "")
                if parent == cell:
                    lineage.parents[identifier.format()] = cell
                lineage.turns[item] = lineage.turns.get(cell, ())
                lineage.dates[item] = str(inline.get("timestamp", ""))[:10]
            made = op.output("items", text, kind="memory_item", item=item, metadata=note or None)
            lineage.items[item] = made
            lineage.written.append(made)

    def _sources(self, name: str, entries: Sequence[Template]) -> dict[str, Any]:
        if name == "store_facts":
            return {"facts": list(FACTS.get())}
        episodes = self._watch.lineage.episodes
        parents = {str(inline.get("parent_id", "")) for inline, _ in entries}
        return {"episode": [episodes[parent] for parent in sorted(parents) if parent in episodes]}

    def _item(self, owner: str, identifier: Any) -> str:
        entry = identifier if isinstance(identifier, str) else identifier.format()
        return self._watch.item(f"{owner}_{entry}")

    # Profiles -------------------------------------------------------------------------------

    def _profile(self, original: Any) -> Any:
        async def write(owner: str, *, frontmatter: Any, body: str, **space: str) -> Any:
            lineage = self._watch.lineage
            item = self._watch.item(f"profile_{owner}")
            live = lineage.items.get(item)
            said = {
                "explicit_info": list(frontmatter.explicit_info),
                "implicit_traits": list(frontmatter.implicit_traits),
            }
            event = "ADD" if live is None else "UPDATE"
            rows = [{"event": event, "item": item, "text": profile_text(said)}]
            inputs: dict[str, Any] = {}
            made_of = PROFILE.get()
            if made_of is not None:
                inputs["profile"] = made_of
            if live is not None:
                inputs["item"] = live
            with Stage("store_profile", kind="store", inputs=inputs, points=("writes",)) as op:
                settled = self._settled(op, rows, "store_profile", only=item)
                path = _profile_path(owner, type(frontmatter), space)
                for row in settled:
                    if row["event"] == "DELETE":
                        path.unlink(missing_ok=True)
                        lineage.written.append(op.deleted(item))
                        lineage.items.pop(item, None)
                        continue
                    if row["text"] != rows[0]["text"]:
                        said = profile_rows(row["text"], said)
                        frontmatter = frontmatter.model_copy(update=said)
                    await original(owner, frontmatter=frontmatter, body=body, **space)
                    made: Handle[str] = op.output(
                        "items", profile_text(said), kind="memory_item", item=item
                    )
                    lineage.items[item] = made
                    lineage.profiles[item] = said
                    lineage.written.append(made)
            return path

        return write

    # Both -----------------------------------------------------------------------------------

    def _settled(
        self, op: Stage, rows: list[dict[str, Any]], name: str, only: str | None = None
    ) -> list[dict[str, Any]]:
        try:
            return checked_writes(op.settle("writes", rows), name, self._watch.lineage.items, only)
        except UserError as error:
            self._watch.keep(error)
            raise


def checked_writes(
    rows: Any, name: str, live: Mapping[str, Any], only: str | None = None
) -> list[dict[str, Any]]:
    """Rows of writes that make sense.

    Args:
        rows: What a replay may have put there.
        name: Of the operation, for messages.
        live: What is stored.
        only: The one item that can be written here; None: any.

    Raises:
        UserError: Says what was expected.
    """
    if not isinstance(rows, list):
        raise UserError(f"{name}, writes: expected a list; got {rows!r}")
    made = []
    for row in rows:
        if not isinstance(row, dict) or row.get("event") not in _EVENTS:
            raise UserError(
                f"{name}, writes: expected rows {{event: {', '.join(_EVENTS)}; item; text}}; "
                f"got {row!r}"
            )
        if row["event"] != "DELETE" and not str(row.get("text") or "").strip() and only is None:
            raise UserError(f"{name}, writes: expected a text to write; got {row!r}")
        if only is not None:
            if row.get("item", only) != only:
                raise UserError(f"{name}, writes: expected the item {only!r}; got {row!r}")
            row = {**row, "item": only, "text": str(row.get("text") or "")}
        elif row["event"] != "ADD" and row.get("item") not in live:
            raise UserError(
                f"{name}, writes: expected a stored item ({', '.join(list(live)[:5])}, ...); "
                f"got {row!r}"
            )
        made.append(dict(row))
    return made


def _today() -> Date:
    moment = now()
    if moment is None:
        today: Date = module("everos.component.utils.datetime").today_with_timezone()
        return today
    return moment.date()


def _bucket() -> Date:
    home = module("everos.infra.persistence.markdown.writers.base")
    today: Date = home.today_with_timezone()
    return today


def _profile_path(owner: str, schema: Any, space: Mapping[str, str]) -> Any:
    writer = module("everos.memory.strategies.extract_user_profile")._get_writer()
    return writer.path_for(owner, schema=schema, **space)
