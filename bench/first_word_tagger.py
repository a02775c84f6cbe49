"""Make the data of `lmcommon.verify.ifbench.first_word` anew from a published tagger.

    python bench/first_word_tagger.py textblob_aptagger-0.2.0-py2.py3-none-any.whl OUT.json.gz

In: the wheel of `textblob-aptagger` 0.2.0 (MIT, Matthew Honnibal), whose averaged perceptron NLTK's
English tagger descends from. Out: of its weights only those that can matter to the first word of a
text, rounded to tenths. Only plain containers are read from the pickle; anything else is refused.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

SCALE = 10
KINDS = {
    "i word ": "word", "i+1 word ": "next", "i+2 word ": "after", "i suffix ": "suffix",
    "i+1 suffix ": "next_suffix", "i pref1 ": "initial",
}  # fmt: skip
START = (
    "bias", "i-1 tag -START-", "i-2 tag -START2-", "i tag+i-2 tag -START- -START2-",
    "i-1 word -START2-", "i-1 suffix T2-", "i-2 word -START-",
)  # fmt: skip


class PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, sets, texts and numbers."""

    def find_class(self, module: str, name: str) -> Any:
        """Allow the containers, nothing that runs."""
        allowed = {"set": set, "defaultdict": lambda *_: {}, "int": int}
        if name not in allowed:
            raise pickle.UnpicklingError(f"unexpected {module}.{name} in the model")
        return allowed[name]


def main(wheel: str, out: str) -> None:
    """Read the wheel, write the data."""
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        model = io.BytesIO(archive.read(names["trontagger-0.1.0.pickle"]))
        about = archive.read(names["METADATA"]).decode()
    weights, known, classes = PlainUnpickler(model, encoding="latin1").load()
    tags = sorted(classes)
    kept: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for feature, row in sorted(weights.items()):
        for prefix, kind in KINDS.items():
            if feature.startswith(prefix) and (packed := pack(row, tags)):
                kept[kind][feature.removeprefix(prefix)] = packed
    start: dict[str, float] = defaultdict(float)
    for feature in START:
        for tag, weight in weights.get(feature, {}).items():
            start[tag] += weight
    licence = about[about.index("License: ") : about.index("Description: ")]
    data = {
        "source": "textblob-aptagger 0.2.0, trontagger-0.1.0.pickle; cut and rounded",
        "licence": licence.removeprefix("License: ").strip(),
        "scale": SCALE,
        "tags": tags,
        "start": pack(start, tags),
        "verbs": sorted(word for word, tag in known.items() if tag.startswith("VB")),
        "others": sorted(word for word, tag in known.items() if not tag.startswith("VB")),
        "weights": kept,
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    with gzip.GzipFile(out, "wb", compresslevel=9, mtime=0) as file:
        file.write(text)
    print(f"{sum(map(len, kept.values()))} features, {Path(out).stat().st_size} bytes")


def pack(row: dict[str, float], tags: list[str]) -> list[int]:
    """Tag and rounded weight in turn; weights of zero are left out."""
    rounded = {tags.index(tag): round(weight * SCALE) for tag, weight in row.items()}
    return [number for tag, weight in sorted(rounded.items()) if weight for number in (tag, weight)]


if __name__ == "__main__":
    main(*sys.argv[1:])
