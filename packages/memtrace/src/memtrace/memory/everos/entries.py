"""The entries of one of EverOS's Markdown files: next ids, appending, rewriting one.

EverOS's writers only append. A replay may also change or delete what is stored, so this room
rewrites the file that holds an entry; the index follows, as it does when a person edits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as Date
from typing import Any, TypeAlias

from memtrace.memory.everos.package import module

__all__ = ["EntryFile", "Template"]

Template: TypeAlias = tuple[Mapping[str, Any], Mapping[str, str]]
"""An entry as EverOS's writers take it: fields and sections."""


class EntryFile:
    """Entries of one owner and one sort.

    Args:
        writer: EverOS's writer of that sort.
        owner: Whose entries.
        day: Of the file that new entries go to.
        section: Which section holds an entry's text.
        space: App and project, as EverOS names them.
    """

    def __init__(
        self, writer: Any, owner: str, day: Date, section: str, space: Mapping[str, str]
    ) -> None:
        self._writer, self._owner, self._day = writer, owner, day
        self._section, self._space = section, dict(space)
        self._markdown = module("everos.core.persistence.markdown.entries")

    async def next_ids(self, count: int) -> list[Any]:
        """The ids that the next entries will get."""
        before = await self._writer._current_count(self._path(self._day))
        prefix = self._writer.schema.ENTRY_ID_PREFIX
        make = self._markdown.EntryId.next_for
        return [make(prefix, self._day, before + place) for place in range(count)]

    def text(self, entry: Template) -> str:
        """The text of an entry, as the index will hold it."""
        return self.kept(entry[1][self._section])

    def kept(self, text: str) -> str:
        """What is left of a text once it was written to a file and read again."""
        written = self._markdown.render_structured_entry(sections={self._section: text})
        read = self._markdown.parse_structured_entry(written)
        return str(read.sections.get(self._section, "")).strip()

    def with_text(self, entry: Template, text: str) -> Template:
        """The entry with another text."""
        fields, sections = entry
        if sections.get(self._section, "").strip() == text.strip():
            return entry
        return fields, {**sections, self._section: text}

    async def append(self, identifier: Any, entry: Template) -> None:
        """Append one entry under a given id."""
        fields, sections = entry
        path = self._path(identifier.date)
        rendered = self._markdown.render_structured_entry(
            header=identifier.format(), inline=fields, sections=sections
        )
        async with self._writer._writer.lock_for(path):
            await self._writer._writer._append_entries_unlocked(
                path, [(rendered, identifier)],
                frontmatter_updates=self._writer._frontmatter_updates(
                    self._owner, identifier.date, next_count=identifier.seq
                ),
            )  # fmt: skip

    async def rewrite(self, name: str, text: str | None) -> None:
        """Give an entry another text, or (None) remove it."""
        path = self._path(self._markdown.EntryId.parse(name).date)
        reader = module("everos.core.persistence").MarkdownReader
        parsed = await reader.read(path)
        entry = self._markdown.find_entry(parsed.body, name)
        assert entry is not None, f"{name} is not in {path}"
        block = ""
        if text is not None:
            old = entry.as_structured()
            new = self._markdown.render_structured_entry(
                header=old.header, inline=old.inline,
                sections={**old.sections, self._section: text},
            )  # fmt: skip
            block = f"<!-- entry:{name} -->\n{new}\n<!-- /entry:{name} -->"
        end = entry.end + (1 if text is None and parsed.body[entry.end :][:1] == "\n" else 0)
        body = parsed.body[: entry.start] + block + parsed.body[end:]
        await self._writer._writer.write_markdown(
            path, frontmatter=dict(parsed.frontmatter), body=body
        )

    def _path(self, day: Date) -> Any:
        return self._writer.path_for(self._owner, day, **self._space)
