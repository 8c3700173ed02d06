"""Done marks as files of a folder; how keys become paths is said in ``filenames``.

A mark is written to a temporary file beside its place and renamed, or linked where there must not be one yet: at
any instant the death of a process leaves the whole mark or none. A temporary file that it leaves behind is ignored.

The folder is synced at most once a second. So a power cut can only lose marks of the last moments, and a step that
took seconds is never lost for having been followed by others; what is lost is run again. Syncing at every mark costs
half a millisecond, which a run of many small steps would notice. Content is not synced: only the name counts.
Removals are always synced: a mark that came back would have a stale step skipped.

Nothing is kept open between calls: opening the folder costs some microseconds beside a sync, and a kept
descriptor would go on writing into a folder that somebody has moved away.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from simpleflow.exceptions import StoreError
from simpleflow.stores.base import Stored, as_names, clean, join, shown
from simpleflow.stores.filenames import SUFFIX, file_of, folder_of, is_plain_file, mark_of, segment_of

_ADVICE = {
    errno.EACCES: "give this user the right to read and write there, or choose another folder",
    errno.EPERM: "give this user the right to read and write there, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the quota is used up: free some space",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away or choose another folder",
    errno.EISDIR: "a folder stands where the mark should be: move it away",
    errno.ENAMETOOLONG: "shorten the step's name (S3 takes 1,024 bytes for prefix and name together)",
    errno.ENOENT: "the file system does not let folders be made there: choose another folder",
    errno.ENOTSUP: "the file system has no hard links: choose another folder",
    errno.EMFILE: "this process has too many open files: raise its limit (ulimit -n)",
}
SYNC_SECONDS = 1.0
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})  # file systems that cannot sync a folder say this


class DirectoryStore:
    """A store in the folder ``path``, which is made by the first ``put``."""

    def __init__(self, path: str) -> None:
        self.url = os.path.abspath(path)
        self._synced = float("-inf")

    def __repr__(self) -> str:
        return f"DirectoryStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """The sorted names below ``prefix``; none if the folder does not exist."""
        prefix = clean(prefix)
        with self._errors(f"list the done marks below {shown(prefix)}"):
            join(prefix, "")
            folder = os.path.join(self.url, folder_of(prefix))
            found: list[str] = []
            try:
                _walk(folder, "", (), found)
            except FileNotFoundError:
                return []
            return sorted(found)

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        with self._errors(f"write the done mark {shown(name)} below {shown(clean(prefix))}"):
            path = self._path(prefix, name)
            _publish(path, body, os.rename)
            now = time.monotonic()
            if now - self._synced >= SYNC_SECONDS:
                _sync_folder(os.path.dirname(path))
                self._synced = now

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if there is none; nothing is synced."""
        with self._errors(f"create the mark {shown(name)} below {shown(clean(prefix))}"):
            try:
                _publish(self._path(prefix, name), body, _link)
            except FileExistsError:
                return False
            return True

    def get(self, prefix: str, name: str) -> bytes | None:
        """What the mark holds, or None."""
        with self._errors(f"read the done mark {shown(name)} below {shown(clean(prefix))}"):
            mark = _read(self._path(prefix, name))
            return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Those of the marks that are there, one after the other: some 15 microseconds each."""
        names = as_names(names)
        with self._errors(f"read {len(names)} done marks below {shown(clean(prefix))}"):
            found = {name: _read(self._path(prefix, name)) for name in names}
            return {name: mark for name, mark in found.items() if mark is not None}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks that exist, then sync the folders that held them if it is to be durable."""
        names = as_names(names)
        with self._errors(f"remove {len(names)} done marks below {shown(clean(prefix))}"):
            touched: dict[str, None] = {}
            for name in names:
                path = self._path(prefix, name)
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    continue
                touched[os.path.dirname(path)] = None
            for folder in touched if durable else ():
                _sync_folder(folder)

    def _path(self, prefix: str, name: str) -> str:
        return os.path.join(self.url, file_of(join(prefix, name)))

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            where = f" ({error.filename})" if isinstance(error.filename, str) else ""
            advice = _ADVICE.get(error.errno or 0, "look at that folder")
            raise StoreError(f"folder {self.url}: cannot {action}: {reason}{where}; {advice}") from error


def _walk(folder: str, done: str, pieces: tuple[str, ...], found: list[str]) -> None:
    """Add to ``found`` the names below ``folder``, each begun with ``done``.

    ``pieces`` are the folders of a long name that has been cut; they end at ``folder``. A folder that
    vanishes while it is being listed held nothing that is still there, except at the top.
    """
    inner: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(SUFFIX):
                plain = not pieces and is_plain_file(name)
                segment = name[: -len(SUFFIX)] if plain else mark_of(pieces, name)
                if segment is not None and entry.is_file(follow_symlinks=False):
                    found.append(done + segment)
            elif entry.is_dir(follow_symlinks=False):
                inner.append(name)
    for name in inner:
        below = f"{folder}/{name}"
        try:
            if name.endswith("%"):
                _walk(below, done, (*pieces, name), found)
            elif (segment := segment_of(pieces, name)) is not None:
                _walk(below, f"{done}{segment}/", (), found)
        except FileNotFoundError:
            continue


def _read(path: str) -> Stored | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        return Stored(os.read(descriptor, status.st_size), status.st_mtime)
    finally:
        os.close(descriptor)


def _publish(path: str, body: bytes, move: Callable[[str, str], object]) -> None:
    """Write ``body`` to a temporary file, and have ``move(temporary, path)`` put that where it belongs."""
    try:
        _write(path, body, move)
    except FileNotFoundError:
        _make_folder(os.path.dirname(path))
        _write(path, body, move)


def _write(path: str, body: bytes, move: Callable[[str, str], object]) -> None:
    folder = os.path.dirname(path)
    temporary = f"{folder}/.{os.urandom(8).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        move(temporary, path)
    except BaseException:
        _discard(temporary)
        raise


def _link(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # A server of files may have linked it and lost the answer: the client's next try finds our own.
        if os.stat(temporary).st_nlink == 1:
            raise
    os.unlink(temporary)


def _discard(temporary: str) -> None:
    try:
        os.unlink(temporary)
    except OSError:
        pass  # listing ignores it, and the reason that it is left over is already on its way up


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _make_folder(folder: str) -> None:
    """Make ``folder`` and those above it, and sync each parent, so that a power cut does not lose them."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent != folder:
        _make_folder(parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):  # another process has not just made it
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
    _sync_folder(parent)
