"""What a set of FaultBench recipes consists of.

Task: count the cases of a set by split, pipeline, sort, kind and category of question.
Metric: cases. Nothing is run; the recipes were verified when the set was built.
Command: python bench/faultbench_figures.py [faultbench-v1 | recipes.jsonl]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence

from memtrace.faultbench import Recipe, installed, read_recipes
from memtrace.run.tables import as_markdown

SPLITS = ("dev", "report", "held_out")
SORTS = ("one fault", "two faults", "three faults", "control")


def sort_of(recipe: Recipe, controls: frozenset[str]) -> str:
    """One fault, several, or a control."""
    return "control" if recipe.kinds[0] in controls else SORTS[len(recipe.kinds) - 1]


def table(
    recipes: Sequence[Recipe], title: str, names: Callable[[Recipe], Sequence[str]],
    columns: Sequence[str], column: Callable[[Recipe], str],
) -> str:  # fmt: skip
    """Cases by one name of a recipe (or several) and by another."""
    counts = Counter((name, column(one)) for one in recipes for name in names(one))
    rows = [
        {
            title: name, **{key: str(counts[name, key]) for key in columns},
            "all": str(sum(counts[name, key] for key in columns)),
        }
        for name in sorted({name for name, _ in counts})
    ]  # fmt: skip
    total = Counter(column(one) for one in recipes)
    rows.append({"": "cases", **{key: str(total[key]) for key in columns},
                 "all": str(len(recipes))})  # fmt: skip
    rows[-1] = {title: rows[-1].pop(""), **rows[-1]}
    return as_markdown(rows)


def main() -> None:
    """Print the tables of a set as Markdown."""
    recipes = read_recipes(sys.argv[1] if len(sys.argv) > 1 else "faultbench-v1")
    controls = frozenset(installed().controls)
    for split in SPLITS:
        mine = [one for one in recipes if one.split == split]
        if mine:
            print(f"{split}, by pipeline:\n")
            print(table(mine, "pipeline", lambda one: (one.pipeline,), SORTS,
                        lambda one: sort_of(one, controls)))  # fmt: skip
    print("Kinds and controls (a case of several faults counts for each):\n")
    print(table(recipes, "kind", lambda one: one.kinds, SPLITS, lambda one: one.split))
    print("Categories of questions:\n")
    print(table(recipes, "category", lambda one: (one.category,), SPLITS, lambda one: one.split))
    print("Sizes of histories:\n")
    print(table(recipes, "size", lambda one: (one.size,), SPLITS, lambda one: one.split))


if __name__ == "__main__":
    main()
