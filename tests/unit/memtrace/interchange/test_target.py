"""Exports and views write where they may, and never over a trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import memtrace
from lmcommon.app.unkept import Unkept
from lmcommon.errors import UserError
from memtrace.interchange.target import checked_target, is_address
from memtrace.run.show import ShowConfig, show

FIXTURES = Path(__file__).parents[3] / "data" / "memtrace"

EXPORTS: dict[str, Callable[[Path, str | Path], object]] = {
    "otlp": memtrace.export_otlp,
    "memtracebench": memtrace.export_memtracebench,
    "show": lambda trace, out: show(ShowConfig(trace=str(trace), out=str(out)), Unkept()),
}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.db"
    with memtrace.record(path), memtrace.step("say", kind="answer") as op:
        op.output("answer", "Lisbon")
    return path


@pytest.mark.parametrize("name", EXPORTS)
def test_the_trace_itself_is_not_replaced(name: str, trace: Path) -> None:
    before = trace.read_bytes()
    with pytest.raises(UserError, match="is not replaced"):
        EXPORTS[name](trace, trace)
    assert trace.read_bytes() == before


@pytest.mark.parametrize("name", EXPORTS)
def test_a_link_to_a_trace_is_not_replaced(name: str, trace: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(trace)
    with pytest.raises(UserError, match="is not replaced"):
        EXPORTS[name](trace, link)
    assert link.is_symlink()


@pytest.mark.parametrize("name", EXPORTS)
def test_a_folder_is_told(
    name: str, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a folder here"):
        EXPORTS[name](trace, ".")


@pytest.mark.parametrize("name", EXPORTS)
def test_a_pipe_is_not_replaced(name: str, trace: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="device or pipe"):
        EXPORTS[name](trace, pipe)
    assert pipe.is_fifo()


def test_the_name_of_an_open_file_is_not_replaced(tmp_path: Path) -> None:
    with (tmp_path / "open.txt").open("w") as file:
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        with pytest.raises(UserError, match="device or pipe"):
            checked_target(link)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_address_is_no_path(name: str, trace: Path) -> None:
    with pytest.raises(UserError, match="got an address"):
        EXPORTS[name](trace, "ftp://somewhere/traces")


def test_an_older_export_is_replaced(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("old")
    memtrace.export_memtracebench(trace, out)
    assert out.read_text().startswith("{")


def test_the_scheme_of_an_address_may_be_in_capitals() -> None:
    assert is_address("HTTP://localhost:4318")


def test_a_path_is_no_address() -> None:
    assert not is_address(Path("http") / "x")


@pytest.mark.parametrize("name", ["smartcomment_small.json", "otlp_openinference.json"])
def test_an_import_that_cannot_be_written_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    imported = memtrace.import_memtracebench if "small" in name else memtrace.import_otlp
    with pytest.raises(UserError, match="cannot be written"):
        imported(FIXTURES / name, tmp_path / "file" / "trace.db")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no file")
def test_a_folder_that_takes_no_file_is_told() -> None:
    with pytest.raises(UserError, match="cannot be written"):
        memtrace.import_memtracebench(FIXTURES / "smartcomment_small.json", "/proc/trace.db")
