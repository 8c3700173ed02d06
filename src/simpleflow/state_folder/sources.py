"""The source of the code of activities in a state folder: ``sources/DIGEST.txt``, for the differences between runs.

A mark and a marker have only the digest of the code that a step was made with. The text that belongs to a digest never
changes, so it is written once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from simpleflow.state_folder.whole_files import write_whole

FOLDER = "sources"
"""Name of the folder in the state folder."""

_MOST = 200_000  # characters; longer sources are generated, and their differences are not read


def keep(state: str, texts: Mapping[str, str]) -> None:
    """Write the texts that are not there yet, by digest. Texts that cannot be written are left out."""
    folder = os.path.join(state, FOLDER)
    for digest, text in texts.items():
        path = _path(folder, digest)
        if len(text) > _MOST or os.path.exists(path):
            continue
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            write_whole(path, text.encode("utf-8", "surrogatepass"), 0o600)
        except OSError:
            return


def read(state: str, digest: str) -> str | None:
    """Return the text of a digest; None if it is not kept."""
    if not digest.isalnum():
        return None
    try:
        with open(_path(os.path.join(state, FOLDER), digest), "rb") as file:
            return file.read().decode("utf-8", "surrogatepass")
    except OSError:
        return None


def _path(folder: str, digest: str) -> str:
    return os.path.join(folder, f"{digest}.txt")
