"""Whatever a trace holds, a drawing of it is well formed and loses no node or edge."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

import memtrace
from memtrace.show.graphviz import to_dot
from memtrace.show.mermaid import to_mermaid
from memtrace.show.portion import Portion, portion
from memtrace.types import Slice

_NASTY = st.text(st.sampled_from('"\\<>[]{}()|#&;`\n\r\t\x00\x1b\u2028é里😀 aN$%-='), max_size=30)
_TEXTS = st.one_of(_NASTY, st.text(max_size=30))
_NAMES = _TEXTS.filter(lambda text: not re.search("[\ud800-\udfff]", text))

_DOT_TEXT = r'"(?:[^"\\\x00-\x1f]|\\["\\n])*"'
_DOT_LINE = re.compile(
    rf'    {_DOT_TEXT}( -> {_DOT_TEXT})? \[label={_DOT_TEXT}(, \w+=("[\w#]+"|\w+))*\];'
)
_MERMAID_TEXT = r'"(?:[^"<>#&`\\\x00-\x1f]|#\w+;|<br/>)*"'
_MERMAID_LINE = re.compile(
    rf"    (op_\d+\[{_MERMAID_TEXT}\]|var_\d+\(\[{_MERMAID_TEXT}\]\)"
    rf"|(op|var)_\d+ -- {_MERMAID_TEXT} --> (op|var)_\d+|class(Def)? .*)"
)


def _drawn(names: list[str], texts: list[str]) -> tuple[Portion, int]:
    """A chain of operations with these names and values; and how many edges it has."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        with memtrace.record(path):
            last = memtrace.variable(texts[0], name=names[0] or None)
            for name, text in zip(names, texts, strict=True):
                role = name or "role"
                with memtrace.step(name, kind=name, inputs={role: last}) as op:
                    last = op.output(role, text, kind=name, item=name or None)
        with memtrace.open(path) as trace:
            whole = Slice(trace.graph.operations, trace.graph.variables)
            return portion(trace, whole, focus=None, limit=99, width=60), trace.graph.edge_count


_CHAINS = st.lists(st.tuples(_NAMES, _TEXTS), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(_CHAINS)
def test_dot_is_well_formed_and_whole(chain: list[tuple[str, str]]) -> None:
    part, edges = _drawn(*map(list, zip(*chain, strict=True)))
    lines = to_dot(part).split("\n")
    body = lines[4:-2]
    assert lines[-2:] == ["}", ""]
    for line in body:
        assert _DOT_LINE.fullmatch(line), ascii(line)
    assert sum("->" in re.sub(_DOT_TEXT, "", line) for line in body) == edges
    assert len(body) - edges == len(part.operations) + len(part.variables)


@settings(max_examples=60, deadline=None)
@given(_CHAINS)
def test_mermaid_is_well_formed_and_whole(chain: list[tuple[str, str]]) -> None:
    part, edges = _drawn(*map(list, zip(*chain, strict=True)))
    first, *body, end = to_mermaid(part).split("\n")
    assert (first, end) == ("flowchart LR", "")
    for line in body:
        assert _MERMAID_LINE.fullmatch(line), ascii(line)
    assert sum("-->" in re.sub(_MERMAID_TEXT, "", line) for line in body) == edges
    assert sum(line[4:].startswith(("op_", "var_")) and "-->" not in re.sub(_MERMAID_TEXT, "", line)
               for line in body) == len(part.operations) + len(part.variables)  # fmt: skip
