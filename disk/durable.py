"""Small files and names made durable, with the operating system's own calls."""

import os
from pathlib import Path


def sync_path(path: Path | str) -> None:
    """Put a file's bytes, or a folder's names, on stable storage. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """A new file that only its owner may read, with its bytes (not yet its name) on stable storage. A file
    that is there already, a draft left by a crash, gives way to it. Raises OSError."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def create_durably(path: Path, content: bytes) -> None:
    """Make a file with this content, for its owner only: whole and durable, or not at all. One that is there
    stays, and of two processes that make it at once the first one's does. Raises OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    write_synced(draft, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
        sync_path(path.parent)


def draft_of(path: Path) -> Path:
    """Where `write_durably` writes before the content gets its name."""
    return path.with_name(path.name + ".new")


def write_durably(path: Path, content: bytes) -> None:
    """Give a file this content, for its owner only: whole and durable, or not at all. Raises OSError."""
    draft = draft_of(path)
    write_synced(draft, content)
    draft.rename(path)
    sync_path(path.parent)
