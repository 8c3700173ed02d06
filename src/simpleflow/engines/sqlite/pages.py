"""Rows read from the pages of a damaged SQLite file, without SQLite.

Theory of operation
-------------------
SQLite reads a table from its root page downwards. One damaged page on the way hides all rows below it, also if these
are whole. So here every page of the file is read by itself. A leaf page of a table says by its first byte that it is
one. It holds cells: the length of a row, its number, and the row; a long row goes on in a chain of overflow pages. The
format is described at https://www.sqlite.org/fileformat2.html.

A page does not say which table it belongs to, and pages that are free now may hold former rows. So the caller
recognises rows by their shape, and prefers rows that SQLite finds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_LEAF = 0x0D
_PAGE_SIZE = 4096  # the default of SQLite, where the header does not say it
_SIZES = {512 << power for power in range(8)}
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def with_log(data: bytes, log: bytes) -> bytes:
    """Return the content of a database file with the pages that its write-ahead log has newer."""
    if len(log) < 32:
        return data
    size = int.from_bytes(log[8:12])
    if size not in _SIZES:
        return data
    found = bytearray(data)
    pending: list[tuple[int, bytes]] = []
    for start in range(32, len(log) - 24 - size + 1, 24 + size):
        number, committed = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != log[16:24] or number == 0:
            break  # a frame of an earlier log
        pending.append((number, log[start + 24 : start + 24 + size]))
        if committed:
            for page, content in pending:
                if len(found) < page * size:
                    found.extend(bytes(min(page * size - len(found), len(log) + len(data))))
                found[(page - 1) * size : page * size] = content
            pending = []
    return bytes(found)


def rows(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number and the columns of each row in the leaf pages of tables."""
    size = int.from_bytes(data[16:18])
    size = 65536 if size == 1 else size
    if size not in _SIZES:
        size = _PAGE_SIZE
    for start in range(0, len(data) - size + 1, size):
        head = start + (100 if start == 0 else 0)
        if data[head] != _LEAF:
            continue
        count = int.from_bytes(data[head + 3 : head + 5])
        for index in range(count):
            at = head + 8 + 2 * index
            pointer = int.from_bytes(data[at : at + 2])
            try:
                yield _cell(data, start + pointer, size)
            except (IndexError, ValueError, struct.error):
                continue  # damaged


def _cell(data: bytes, at: int, size: int) -> tuple[int, list[Any]]:
    length, at = _varint(data, at)
    number, at = _varint(data, at)
    if length > len(data):
        raise ValueError("a row cannot be longer than the file")
    most = size - 35
    local = length
    if length > most:
        least = (size - 12) * 32 // 255 - 23
        local = least + (length - least) % (size - 4)
        local = local if local <= most else least
    parts, have = [data[at : at + local]], local
    page = int.from_bytes(data[at + local : at + local + 4]) if local < length else 0
    while have < length:
        start = (page - 1) * size
        if page < 1 or start + size > len(data):
            raise ValueError("an overflow page is missing")
        part = data[start + 4 : start + size][: length - have]
        parts.append(part)
        have += len(part)
        page = int.from_bytes(data[start : start + 4])
    return number, _record(b"".join(parts))


def _record(data: bytes) -> list[Any]:
    head, at = _varint(data, 0)
    body = head
    found: list[Any] = []
    while at < head:
        kind, at = _varint(data, at)
        if kind in (0, 8, 9):
            found.append({0: None, 8: 0, 9: 1}[kind])
            continue
        if kind in _INTEGERS or kind == 7:
            length = _INTEGERS.get(kind, 8)
            raw = data[body : body + length]
            found.append(struct.unpack(">d", raw)[0] if kind == 7 else int.from_bytes(raw, signed=True))
        elif kind >= 12:
            length = (kind - 12) // 2
            raw = data[body : body + length]
            if len(raw) != length:
                raise ValueError("a column is cut off")
            found.append(raw.decode() if kind % 2 else raw)
        else:
            raise ValueError(f"there is no kind of column {kind}")
        body += length
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9
