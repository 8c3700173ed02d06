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

*Folders of claims* (``filenames``) are made when they are needed, without a sync, and removed when they are empty.

*No open files.* Nothing stays open between calls. Opening the folder takes microseconds, little beside a sync. A
descriptor kept open would go on writing into a folder that was moved away.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from simpleflow.exceptions import StoreError
from simpleflow.shown_text import count
from simpleflow.stores import presence
from simpleflow.stores.base import Stored, as_names, clean, join, shown
from simpleflow.stores.directory_listing import Listing
from simpleflow.stores.filenames import file_of, file_that_is_not_spread, folder_of, is_spread, is_spread_path

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
_TRIES = 100  # to write into a folder that others remove when it is empty
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})  # errors of file systems that cannot sync a folder


class DirectoryStore:
    """A store in the folder ``path``. The first ``put`` or ``create`` creates the folder."""

    def __init__(self, path: str) -> None:
        self.url = os.path.abspath(path)
        self._synced = float("-inf")  # monotonic time of the last sync after a put

    def __repr__(self) -> str:
        return f"DirectoryStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``; none if the folder does not exist."""
        return sorted(set(self._listing(prefix).names))

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``; this takes about 5 microseconds each."""
        return dict(sorted(self._listing(prefix, reads=True).bodies.items()))

    def variants(self, prefix: str, names: Sequence[str]) -> list[str]:
        """Return the names below ``prefix`` that are one of ``names``, a dot, and any text without dots and slashes.

        The time for claims does not grow with the number of other claims.
        """
        with self._errors(f"list the claims below {shown(clean(prefix))}"):
            listing = Listing()
            stems: dict[str, dict[str, None]] = {}  # by the part of the name before its last slash, with that slash
            for name in names:
                above, slash, last = name.rpartition("/")
                stems.setdefault(above + slash, {})[last] = None
            for above, wanted in stems.items():
                folder = os.path.join(self.url, folder_of(clean(join(prefix, above))))
                try:
                    listing.look_for(folder, above, wanted)
                except FileNotFoundError:
                    continue
            listing.remove_abandoned()
            return sorted(set(listing.names))

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
        """Write the mark if it does not exist. Nothing is synced."""
        with self._errors(f"create the mark {shown(name)} below {shown(clean(prefix))}"):
            try:
                _publish(self._path(prefix, name), body, _link)
            except FileExistsError:
                return False
            return True

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        with self._errors(f"read the done mark {shown(name)} below {shown(clean(prefix))}"):
            mark = self._read(prefix, name)
            return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist. They are read one after the other, about 15 microseconds each."""
        names = as_names(names)
        with self._errors(f"read {count(len(names), 'done mark')} below {shown(clean(prefix))}"):
            found = {name: self._read(prefix, name) for name in names}
            return {name: mark for name, mark in found.items() if mark is not None}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks that exist. If ``durable``, sync the folders that held them (but not claims)."""
        names = as_names(names)
        with self._errors(f"remove {count(len(names), 'done mark')} below {shown(clean(prefix))}"):
            touched: dict[str, None] = {}
            for name in names:
                key = join(prefix, name)
                files = (file_of(key), file_that_is_not_spread(key)) if is_spread(key) else (file_of(key),)
                for path in [os.path.join(self.url, file) for file in files]:
                    try:
                        os.unlink(path)
                    except FileNotFoundError:
                        continue
                    touched[os.path.dirname(path)] = None
            for folder in touched:
                if is_spread_path(folder):
                    _remove_if_empty(folder)
                elif durable:
                    _sync_folder(folder)

    def _listing(self, prefix: str, reads: bool = False) -> Listing:
        prefix = clean(prefix)
        with self._errors(f"list the done marks below {shown(prefix)}"):
            join(prefix, "")
            listing = Listing(reads)
            try:
                listing.walk(os.path.join(self.url, folder_of(prefix)))
            except FileNotFoundError:
                return listing
            listing.remove_abandoned()
            return listing

    def _read(self, prefix: str, name: str) -> Stored | None:
        key = join(prefix, name)
        found = _read(os.path.join(self.url, file_of(key)))
        if found is None and is_spread(key):
            found = _read(os.path.join(self.url, file_that_is_not_spread(key)))
        return found

    def _path(self, prefix: str, name: str) -> str:
        return os.path.join(self.url, file_of(join(prefix, name)))

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
            presence.used(self.url)
        except OSError as error:
            reason = error.strerror or str(error)
            where = f" ({error.filename})" if isinstance(error.filename, str) else ""
            advice = _ADVICE.get(error.errno or 0, "check that folder")
            text = f"folder {self.url}: cannot {action}: {reason}{where}; {advice}"
            lasting = error.errno == errno.ENAMETOOLONG
            raise (StoreError.for_good(text) if lasting else StoreError(text)) from error


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
    """Write ``body`` to a temporary file, then call ``move(temporary, path)`` to give it its final name."""
    for tries_left in range(_TRIES, -1, -1):
        try:
            _write(path, body, move)
            return
        except FileNotFoundError:
            if not tries_left:
                raise
            _make_folder(os.path.dirname(path))


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


def _remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass  # it holds other claims, or another process was first


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
        # Another process may have just created it, and may have removed it since: then the caller tries again.
        try:
            is_folder = stat.S_ISDIR(os.stat(folder).st_mode)
        except FileNotFoundError:
            is_folder = not os.path.islink(folder)
        if not is_folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
    if not is_spread_path(folder):
        _sync_folder(parent)
