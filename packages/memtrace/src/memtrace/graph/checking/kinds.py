"""What a file that is no trace is instead, by its first bytes."""

from __future__ import annotations

__all__ = ["kind_of_file"]

_BEGINNINGS = {
    b"PK\x03\x04": "a zip file (or a spreadsheet, or a wheel)",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it first",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\x7fELF": "a program",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x37\x7f\x06\x82": "the log of an SQLite file: give the file beside it, without -wal",
    b"\x37\x7f\x06\x83": "the log of an SQLite file: give the file beside it, without -wal",
}


def kind_of_file(head: bytes) -> str:
    """A few words on what a file seems to be, from its first bytes."""
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if not any(head):
        return "a file of zeros"
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just a character cut in two by where we stopped
            return "a file of bytes of no kind known here"
        text = head[: error.start].decode("utf-8")
    return "JSON" if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else "text"
