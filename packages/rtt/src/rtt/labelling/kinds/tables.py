"""Drawers of IFBench's three tables as CSV (`custom:csv_*`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]


def _rows(scene: Scene, columns: int, number: int) -> list[list[str]]:
    prose, random = scene.prose, scene.random
    return [
        [str(at), *(prose.word() for _ in range(columns - 2)), str(random.randint(1, 900))]
        for at in range(1, number + 1)
    ]


def _spoilt(
    scene: Scene, head: Sequence[str], rows: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """One thing wrong: a name in the head, a row too few, a field too few."""
    names = list(head)
    match scene.random.choice(("head", "rows", "field")):
        case "head":
            names[scene.random.randrange(len(names))] = scene.prose.word()
        case "rows":
            rows = rows[:-1]
        case _:
            rows[scene.random.randrange(len(rows))].pop()
    return names, rows


def _city(scene: Scene) -> Drawn:
    head, rows = ["ID", "Country", "City", "Year", "Count"], _rows(scene, 5, 7)
    if not scene.wanted:
        head, rows = _spoilt(scene, head, rows)
    return Drawn({}, "\n".join(",".join(row) for row in [head, *rows]))


def _special(scene: Scene) -> Drawn:
    head, rows = ["ProductID", "Category", "Brand", "Price", "Stock"], _rows(scene, 5, 14)
    if scene.wanted or scene.chance(0.7):
        rows[scene.random.randrange(14)][2] = f'"{scene.prose.word()} & {scene.prose.word()}"'
        if not scene.wanted:
            head, rows = _spoilt(scene, head, rows)
    return Drawn({}, "\n".join(",".join(row) for row in [head, *rows]))


def _quotes(scene: Scene) -> Drawn:
    head, rows = ["StudentID", "Subject", "Grade", "Semester", "Score"], _rows(scene, 5, 3)
    if not scene.wanted and scene.chance(0.6):
        head, rows = _spoilt(scene, head, rows)
    lines = [[f'"{field}"' for field in row] for row in [head, *rows]]
    if not scene.wanted:
        row = scene.random.choice(lines[1:])
        row[0] = row[0].strip('"')
    return Drawn({}, "\n".join("\t".join(row) for row in lines))


DRAWERS: Mapping[str, Drawer] = {
    "custom:csv_city": _city, "custom:csv_special_character": _special,
    "custom:csv_quotes": _quotes,
}  # fmt: skip
