"""The state of files that a step reads, and of the outputs that it writes, as an activity finds them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from simpleflow import stores
from simpleflow.exceptions import InputError
from simpleflow.step.fingerprints import BY_CONTENT, FileState, as_one, bucket_and_key

_MAX_FILES = 100  # of one pattern, of which each is kept; of more, one digest is


def read(patterns: Sequence[Sequence[str]], step: str) -> list[FileState]:
    """The state of the files of each pattern, given with how it is compared.

    Raises InputError for a pattern that matches no file, and for files that cannot be read.
    """
    return [_read(pattern, by, step) for pattern, by in patterns]


def missing(outputs: Sequence[str]) -> list[str]:
    """Those of the outputs (paths, or ``s3://bucket/key``) that do not exist. Raises StoreError."""
    keys: dict[str, dict[str, str]] = {}  # by bucket and key, the output
    gone = set()
    for each in outputs:
        place = bucket_and_key(each)
        if place is not None:
            keys.setdefault(place[0], {})[place[1]] = each
        elif not os.path.exists(os.path.expanduser(each)):
            gone.add(each)
    for bucket, wanted in keys.items():
        existing = stores.existing_objects(bucket, list(wanted))
        gone.update(output for key, output in wanted.items() if key not in existing)
    return [each for each in outputs if each in gone]


def are_remote(outputs: Sequence[str]) -> bool:
    """True if one of the outputs is not a path: whether it exists is not known quickly."""
    return any("://" in each for each in outputs)


def _read(pattern: str, by: str, step: str) -> FileState:
    expanded = os.path.expanduser(pattern)
    plain = [expanded] if os.path.isfile(expanded) else []  # a name may hold brackets
    import glob  # slow to load, and few steps need it

    found = plain or sorted(each for each in glob.glob(expanded, recursive=True) if os.path.isfile(each))
    if not found and os.path.isdir(expanded):
        raise InputError(
            f"fingerprint of step {step!r}: {pattern!r} is a folder; name the files in it: "
            f"{os.path.join(pattern, '**')!r} stands for all of them"
        )
    if not found:
        raise InputError(
            f"fingerprint of step {step!r}: no file matches {pattern!r} in {os.getcwd()}: correct the pattern, or let "
            "the step that writes the files come first"
        )
    try:
        states = {path: _digest(path) if by == BY_CONTENT else _stat(path) for path in found}
    except OSError as error:
        raise InputError(
            f"fingerprint of step {step!r}: {error.filename!r} cannot be read: {error.strerror}"
        ) from error
    return states if len(states) <= _MAX_FILES else as_one(states)


def _stat(path: str) -> str:
    status = os.stat(path)
    return f"{status.st_size} bytes {status.st_mtime_ns}"


def _digest(path: str) -> str:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
