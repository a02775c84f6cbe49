"""Draw `slice.png`: what one answer came from, as a small graph.

Run from anywhere: `python docs/assets/make_slice.py`. It records a tiny memory system that answers
one question, takes the slice of the answer as a `networkx` graph, and draws it with matplotlib:
operations as boxes, variables as rounded labels, from left to right in the order they were made.
"""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import networkx

import memtrace

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

BOX_WIDTH, LINE_HEIGHT, CHARACTERS = 1.92, 0.2, 19
COLUMN, ROW = 2.36, 1.12
BLUE, RED, INK, GREY = "#dbe7f5", "#f8d7d3", "#1d2733", "#7a8794"


def main() -> None:
    """Record, slice, draw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.db"
        answer = record(path)
        with memtrace.open(path) as trace:
            graph = trace.to_networkx(slice=trace.graph.upstream(answer), values=True)
            lost = {loss.operation for loss in trace.why_not("Lisbon", answer).losses[:1]}
    draw(graph, lost, Path(__file__).with_name("slice.png"))


def record(path: Path) -> str:
    """Two messages become two memory items; a question finds both; the answer lacks the fact."""
    said = {"D1:3": "I moved to Lisbon in May.", "D1:4": "My cat likes the balcony."}
    noted = {"D1:3": "The user moved in May.", "D1:4": "The user has a cat."}
    items: list[memtrace.Handle[str]] = []
    with memtrace.record(path):
        for name, text in said.items():
            turn = memtrace.variable(text, kind="message", name=name)
            with memtrace.step("extract", kind="extraction", inputs={"turn": turn}) as op:
                item = f"fact-{len(items) + 1}"
                items.append(op.output("fact", noted[name], kind="memory_item", item=item))
        question = memtrace.variable("Where does the user live?", kind="question")
        with memtrace.step("search", kind="retrieval", inputs={"question": question}) as op:
            hits = op.outputs("hits", items, kind="hit")
        inputs = {"question": question, "facts": hits}
        with memtrace.step("answer", kind="answer", inputs=inputs) as op:
            answer = op.output("answer", "I do not know.", kind="answer")
    assert answer.id is not None
    return answer.id


def draw(graph: networkx.DiGraph[str], lost: set[str], out: Path) -> None:
    """Draw a slice; operations in `lost` are marked."""
    places = layout(graph)
    xs, ys = zip(*places.values(), strict=True)
    figure, axes = plt.subplots(figsize=(max(xs) + 2.0, max(ys) - min(ys) + 1.5))
    boxes = {node: box(axes, graph.nodes[node], node, places[node], node in lost) for node in graph}
    for start, end in graph.edges:
        is_far = places[end][0] - places[start][0] > 1.5 * COLUMN
        way = "angle,angleA=0,angleB=90,rad=10" if is_far else "arc3"
        axes.add_patch(FancyArrowPatch(
            places[start], places[end], arrowstyle="-|>", mutation_scale=13, color=GREY, lw=1.3,
            connectionstyle=way, patchA=boxes[start], patchB=boxes[end], shrinkA=2, shrinkB=2,
            zorder=1,
        ))  # fmt: skip
    axes.set_xlim(min(xs) - 1.0, max(xs) + 1.0)
    axes.set_ylim(min(ys) - 0.75, max(ys) + 0.75)
    axes.set_aspect("equal")
    axes.axis("off")
    figure.savefig(out, dpi=150, bbox_inches="tight", pad_inches=0.1, facecolor="white")
    plt.close(figure)


def layout(graph: networkx.DiGraph[str]) -> dict[str, tuple[float, float]]:
    """A column for each step from the sources, rows by `seq`; a source stands before its reader.

    What is read again further on stands below the rest, where its arrows are free to run.
    """
    column: dict[str, int] = {}
    for node in networkx.topological_sort(graph):
        column[node] = max((column[before] + 1 for before in graph.predecessors(node)), default=0)
    for node in graph:
        if not graph.in_degree(node):
            column[node] = min((column[after] for after in graph.successors(node)), default=1) - 1
    far = {start for start, end in graph.edges if column[end] - column[start] > 1}
    places: dict[str, tuple[float, float]] = {}
    for here in sorted(set(column.values())):
        nodes = sorted(
            (node for node in graph if column[node] == here and node not in far),
            key=lambda node: graph.nodes[node]["seq"],
        )
        for row, node in enumerate(nodes):
            places[node] = here * COLUMN, ((len(nodes) - 1) / 2 - row) * ROW
    below = min(y for _, y in places.values()) - 0.85 * ROW
    for row, node in enumerate(sorted(far, key=lambda node: graph.nodes[node]["seq"])):
        places[node] = column[node] * COLUMN, below - row * ROW
    return places


def box(
    axes: Any, node: dict[str, Any], name: str, place: tuple[float, float], is_lost: bool
) -> FancyBboxPatch:
    """One node with its label."""
    is_operation = node["type"] == "operation"
    if is_operation:
        lines = [node["name"], name, *(["loses 'Lisbon'"] if is_lost else [])]
    else:
        kind = node["kind"].removeprefix("memory_")
        known = f"{node['item']} v{node['version']}" if node["item"] else node["name"] or ""
        lines = [f"{kind} {known}".strip(), *textwrap.wrap(str(node["value"]), CHARACTERS)]
    height = LINE_HEIGHT * len(lines) + 0.2
    x, y = place
    style = "square,pad=0" if is_operation else "round,pad=0,rounding_size=0.18"
    patch = FancyBboxPatch(
        (x - BOX_WIDTH / 2, y - height / 2), BOX_WIDTH, height, boxstyle=style, lw=1.3,
        edgecolor=INK if is_operation else GREY, zorder=2,
        facecolor=RED if is_lost else BLUE if is_operation else "white",
    )  # fmt: skip
    axes.add_patch(patch)
    for row, line in enumerate(lines):
        axes.text(
            x, y + height / 2 - 0.1 - LINE_HEIGHT * (row + 0.5), line, ha="center", va="center",
            fontsize=9.5, color=label_color(row, is_operation), zorder=3,
            fontweight="bold" if row == 0 else "normal",
        )  # fmt: skip
    return patch


def label_color(row: int, is_operation: bool) -> str:
    """Ids are for looking up, the rest is for reading."""
    return GREY if is_operation and row == 1 else INK


if __name__ == "__main__":
    main()
