"""Done marks as files in a folder. ``filenames`` maps keys to paths.

Theory of operation
-------------------
*Atomic writes.* A mark is written to a temporary file in the same folder. ``put`` then renames it to its final name,
which replaces an older mark; ``create`` links it there, which fails if there is a mark. So a process that dies at any
moment leaves the whole mark or none. A temporary file that is left behind has a name that listing ignores, and
is removed by a listing after an hour.

*Durable writes (fsync).* Only the name of a mark counts, so its content is never synced. The folder, which holds the
name, is synced at most once a second: syncing at every mark costs half a millisecond, which a run of many small steps
would notice. So a power cut loses at most the marks of the last second, and these steps run again. A step that took
seconds is never lost for having been followed by others. Removals are always synced: a mark that came back would make a
run skip a stale step.

*No open files.* Nothing stays open between calls. Opening the folder takes microseconds, little beside a sync. A
descriptor kept open would go on writing into a folder that was moved away.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from simpleflow.exceptions import StoreError
from simpleflow.shown_text import count
from simpleflow.stores.base import Stored, as_names, clean, join, shown
from simpleflow.stores.filenames import SUFFIX, file_of, folder_of, is_plain_file, mark_of, segment_of

# Remedies for errors of the operating system.
_ADVICE = {
    errno.EACCES: "allow this user to read and write there, or choose another folder",
    errno.EPERM: "allow this user to read and write there, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the quota is used up: free some space",
    errno.ENOTDIR: "there is a file where a folder is needed: move it away or choose another folder",
    errno.EISDIR: "there is a folder where the mark should be: move it away",
    errno.ENAMETOOLONG: "shorten the step's name (S3 allows 1,024 bytes for prefix and name together)",
    errno.ENOENT: "folders cannot be created in this file system: choose another folder",
    errno.ENOTSUP: "the file system has no hard links: choose another folder",
    errno.EMFILE: "this process has too many open files: raise its limit (ulimit -n)",
}
SYNC_SECONDS = 1.0  # least time between two syncs after ``put``
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
_ABANDONED_SECONDS = 3_600.0  # a temporary file that is older belongs to a process that was killed
_CHUNK = 4_096  # bytes that are read at once; most marks have fewer
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})  # errors of file systems that cannot sync a folder


class DirectoryStore:
    """A store in the folder ``path``. The first ``put`` or ``create`` creates the folder."""

    def __init__(self, path: str) -> None:
        self.url = os.path.abspath(path)
        self.uses = 0  # how many listings and writes there were
        self._synced = float("-inf")  # monotonic time of the last sync after a put

    def __repr__(self) -> str:
        return f"DirectoryStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``; none if the folder does not exist."""
        prefix = clean(prefix)
        self.uses += 1
        with self._errors(f"list the done marks below {shown(prefix)}"):
            join(prefix, "")
            folder = os.path.join(self.url, folder_of(prefix))
            found: list[str] = []
            try:
                temporary: list[str] = []
                _walk(folder, "", (), found, temporary=temporary)
            except FileNotFoundError:
                return []
            _remove_abandoned(temporary)
            return sorted(found)

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``; this takes about 5 microseconds each."""
        prefix = clean(prefix)
        self.uses += 1
        with self._errors(f"list the done marks below {shown(prefix)}"):
            join(prefix, "")
            folder = os.path.join(self.url, folder_of(prefix))
            names: list[str] = []
            bodies: dict[str, bytes] = {}
            try:
                temporary: list[str] = []
                _walk(folder, "", (), names, bodies, temporary=temporary)
            except FileNotFoundError:
                return {}
            _remove_abandoned(temporary)
            return dict(sorted(bodies.items()))

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        self.uses += 1
        with self._errors(f"write the done mark {shown(name)} below {shown(clean(prefix))}"):
            path = self._path(prefix, name)
            _publish(path, body, os.rename)
            now = time.monotonic()
            if now - self._synced >= SYNC_SECONDS:
                _sync_folder(os.path.dirname(path))
                self._synced = now

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist. Nothing is synced."""
        self.uses += 1
        with self._errors(f"create the mark {shown(name)} below {shown(clean(prefix))}"):
            try:
                _publish(self._path(prefix, name), body, _link)
            except FileExistsError:
                return False
            return True

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        with self._errors(f"read the done mark {shown(name)} below {shown(clean(prefix))}"):
            mark = _read(self._path(prefix, name))
            return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist. They are read one after the other, about 15 microseconds each."""
        names = as_names(names)
        with self._errors(f"read {count(len(names), 'done mark')} below {shown(clean(prefix))}"):
            found = {name: _read(self._path(prefix, name)) for name in names}
            return {name: mark for name, mark in found.items() if mark is not None}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks that exist. If ``durable``, sync the folders that held them."""
        names = as_names(names)
        with self._errors(f"remove {count(len(names), 'done mark')} below {shown(clean(prefix))}"):
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
            advice = _ADVICE.get(error.errno or 0, "check that folder")
            text = f"folder {self.url}: cannot {action}: {reason}{where}; {advice}"
            lasting = error.errno == errno.ENAMETOOLONG
            raise (StoreError.for_good(text) if lasting else StoreError(text)) from error


def _walk(
    folder: str,
    done: str,
    pieces: tuple[str, ...],
    found: list[str],
    bodies: dict[str, bytes] | None = None,
    *,
    temporary: list[str],
) -> None:
    """Add the names of the marks below ``folder`` to ``found``, each with ``done`` in front.

    ``pieces`` are the folders of a long name that was cut into pieces; ``folder`` is the last of them. A folder below
    the top that vanishes while it is listed is skipped: it no longer holds a mark. With ``bodies``, the contents are
    read too. The paths of temporary files are added to ``temporary``.
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
                    if bodies is not None and (mark := _read_quickly(f"{folder}/{name}")) is not None:
                        bodies[done + segment] = mark
            elif name.endswith(".tmp") and _TEMPORARY.fullmatch(name):
                temporary.append(f"{folder}/{name}")
            elif entry.is_dir(follow_symlinks=False):
                inner.append(name)
    for name in inner:
        below = f"{folder}/{name}"
        try:
            if name.endswith("%"):
                _walk(below, done, (*pieces, name), found, bodies, temporary=temporary)
            elif (segment := segment_of(pieces, name)) is not None:
                _walk(below, f"{done}{segment}/", (), found, bodies, temporary=temporary)
        except FileNotFoundError:
            continue


def _remove_abandoned(temporary: list[str]) -> None:
    """Remove the temporary files of processes that were killed while they wrote a mark."""
    for path in temporary:
        try:
            if time.time() - os.stat(path).st_mtime > _ABANDONED_SECONDS:
                os.unlink(path)
        except OSError:
            pass  # another process was first, or the folder is read-only: the file does no harm


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


def _read_quickly(path: str) -> bytes | None:
    """The content alone, with as few calls of the system as a small file needs."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        body = os.read(descriptor, _CHUNK)
        if len(body) < _CHUNK:
            return body
        return body + os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _publish(path: str, body: bytes, move: Callable[[str, str], object]) -> None:
    """Write ``body`` to a temporary file, then call ``move(temporary, path)`` to give it its final name."""
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
        # On a network file system, a first try may have made the link although its answer was lost. The client's
        # second try then finds our own file, which has two links.
        if os.stat(temporary).st_nlink == 1:
            raise
    os.unlink(temporary)


def _discard(temporary: str) -> None:
    try:
        os.unlink(temporary)
    except OSError:
        pass  # listing ignores the file, and the caller is about to raise the original error


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
    """Create ``folder`` and its parents. Each parent is synced, so that a power cut does not lose the new folder."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent != folder:
        _make_folder(parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):  # it is not that another process has just created it
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
    _sync_folder(parent)
