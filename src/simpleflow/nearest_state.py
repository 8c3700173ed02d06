"""The state folder of a command that names none: the nearest ``.simpleflow``, from the current folder upwards.

Theory of operation. A project has one state folder. A command finds it from any folder of the project. The search ends
where a project surely ends: at the home folder, which is still looked at; at the border of a file system; below the
root folder; and below a folder that all users may write to, such as ``/tmp``. A folder that belongs to another user is
passed over, since somebody else could have put it there.
"""

from __future__ import annotations

import os
import stat

NAME = ".simpleflow"
"""Of the folder."""


def find() -> str:
    """Return the absolute path of the nearest state folder above the current folder.

    Returns ``.simpleflow``, the one in the current folder, if that exists, or if there is none above.
    """
    try:
        here = os.getcwd()
        if os.path.lexists(NAME):
            return NAME
        device = os.stat(here).st_dev
    except OSError:
        return NAME  # the folder is gone: the code that uses the path says so
    home = os.path.realpath(os.path.expanduser("~"))
    folder = here
    while folder not in (home, "/"):
        folder = os.path.dirname(folder)
        try:
            status = os.stat(folder)
        except OSError:
            break
        if folder == "/" or status.st_dev != device or status.st_mode & stat.S_IWOTH:
            break
        found = os.path.join(folder, NAME)
        if os.path.isdir(found) and _is_ours(found):
            return found
    return NAME


def _is_ours(folder: str) -> bool:
    """True if the folder belongs to this user, or to the one who has become root with sudo."""
    owner = os.stat(folder).st_uid
    return owner == os.geteuid() or (os.geteuid() == 0 and str(owner) == os.environ.get("SUDO_UID"))
