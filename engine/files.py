"""Writing files so that a crash leaves the old one or the new one, never a part of either."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"
"""Names that no loader looks at; leftovers are removed by the next save."""
LINK = "it is a link, and what is written there would change something outside the run; remove it"
NO_FILE = "it is no regular file; remove it"


def require_own(path: Path) -> None:
    """Refuse a link in place of a file or directory of a run; what is not there yet is welcome.

    Raises:
        OSError: it is one; ``strerror`` says so to the user.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, LINK, str(path))


def open_own(path: Path, flags: int) -> int:
    """Open a file of a run for writing and return its descriptor; no link is followed, and no pipe waits.

    Raises:
        OSError: the file cannot be opened, or is something else; ``strerror`` says so to the user.
    """
    require_own(path)  # the flag alone would say "too many levels of symbolic links"
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, NO_FILE, str(path))
    return descriptor


def sync_directory(directory: Path) -> None:
    """Make renames and new names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory, and those above it, that a power cut does not take back; one may be there already."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with path.open("xb") as file:  # which follows no link that waits under the name
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_atomically(path: Path, content: bytes) -> None:
    """Give a file new content at once: temporary name, write, fsync, rename, fsync of the directory.

    Raises:
        OSError: nothing has changed, and the temporary file is gone.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    try:
        temporary.unlink(missing_ok=True)
        write_durably(temporary, content)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
