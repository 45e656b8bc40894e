"""Reads an archive folder as hostile input: only regular files, and none beyond the limit of its kind."""
import contextlib
import hashlib
import os
import stat

from notes import Junk, Missing, Unknown

PIECE = 1 << 20

class Unreadable(Unknown):
    """It could not be read, so nothing can be said about it, or about what stands after it."""

class TooLarge(Junk):
    """Larger than the limit of its kind: such an object is not read (section 1, rule 5)."""
    severity = "tampered"

@contextlib.contextmanager
def opened(path, limit):
    """The open file and its size. A symbolic link, FIFO, socket or device is refused without opening it."""
    size = size_of(path)
    if size > limit:
        raise TooLarge(f"larger than the limit of its kind: {size} bytes")
    try:
        # It may have been exchanged since: O_NONBLOCK opens even a FIFO at once, and fstat tells what was opened.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as why:
        raise Unreadable(why) from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable("not a regular file")
        yield file, size

def read_file(path, limit):
    with opened(path, limit) as (file, size):
        try:
            data = file.read(size + 1)
        except OSError as why:
            raise Unreadable(why) from None
    if len(data) > size:
        raise Unreadable("it grew while it was read")
    return data

def digest(path, limit):
    """The size and the hash of a file, read piece by piece."""
    with opened(path, limit) as (file, _):
        hasher, size = hashlib.sha256(), 0
        try:
            while piece := file.read(PIECE):
                hasher.update(piece)
                size += len(piece)
                if size > limit:
                    raise TooLarge("it grew beyond the limit of its kind")
        except OSError as why:
            raise Unreadable(why) from None
    return size, hasher.hexdigest()

def size_of(path):
    try:
        told = os.lstat(path)
    except FileNotFoundError:
        raise Missing("it is missing") from None
    except OSError as why:
        raise Unreadable(why) from None
    if not stat.S_ISREG(told.st_mode):
        raise Unreadable("not a regular file")
    return told.st_size

def list_files(folder, report):
    """Yields the relative path of everything that is no folder; `report` takes what cannot be listed."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            found = sorted(os.scandir(os.path.join(folder, inside)), key=lambda entry: entry.name)
        except OSError as why:
            report(inside or ".", why)
            continue
        for entry in found:
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                yield path
