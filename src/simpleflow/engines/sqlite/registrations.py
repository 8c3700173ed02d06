"""The registrations of a local server: domains and types, in a SQLite file beside those of the executions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simpleflow.exceptions import StateError
from simpleflow.state_folder.faults import FAULTS, is_damage


class Registrations:
    """Texts by kind, domain, name and version.

    Args:
        folder: created if it does not exist.

    Raises StateError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._errors():
            os.makedirs(folder, mode=0o700, exist_ok=True)  # for its owner alone, as all that is below it
            self._db = sqlite3.connect(
                folder / "registrations.sqlite", timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.execute(
                    "create table if not exists registrations (kind text, domain text, name text, version text, "
                    "entry text not null, primary key (kind, domain, name, version)) without rowid"
                )
            except BaseException:
                self._db.close()
                raise

    def load(self) -> list[tuple[str, str, str]]:
        """Kind, domain and text of each registration."""
        with self._errors():
            return self._db.execute("select kind, domain, entry from registrations").fetchall()

    def save(self, kind: str, domain: str, name: str, version: str, text: str) -> None:
        """Keep a text, in place of the one before."""
        with self._errors():
            self._db.execute(
                "insert or replace into registrations values (?, ?, ?, ?, ?)", (kind, domain, name, version, text)
            )

    def delete(self, kind: str, domain: str, name: str, version: str) -> None:
        """Remove a text."""
        with self._errors():
            self._db.execute(
                "delete from registrations where kind = ? and domain = ? and name = ? and version = ?",
                (kind, domain, name, version),
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            damage = isinstance(error, UnicodeDecodeError) or (isinstance(error, sqlite3.Error) and is_damage(error))
            problem = f"its file registrations.sqlite is damaged: {error}" if damage else error
            raise StateError(
                f"state folder {self._folder} cannot be used: {problem}; name another one with --state"
            ) from error
