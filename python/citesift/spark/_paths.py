"""A file's path as the program would say it: below the folder as it was typed.

Engines give a file's address, each in its own way: with a scheme, with one slash or three, with
none at the front.
"""

from __future__ import annotations

import os
import re

# A relative path may hold a colon.
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*|(?=/))")


def named(address: str, folder: str, root: str) -> str:
    """The path of a file that was found in a folder, which is at a place of this address."""
    above, path = _parts(root), _parts(address)
    if path[: len(above)] != above:
        raise ValueError(f"{address} is not below {root}; give the folder's whole address")
    below = path[len(above) :]
    return os.path.join(folder, *below)


def on_disk(address: str) -> str | None:
    """The path of a file on an executor's own disk, or on one that all have; None elsewhere."""
    found = _SCHEME.match(address)
    if found and not address.lower().startswith("file:"):
        return None
    return "/" + (address[found.end() :] if found else address).lstrip("/")


def whole(folder: str) -> str:
    """A folder's address, with the working directory before a path that is relative."""
    if not folder:
        raise ValueError("folder: its name is empty")
    return folder if _SCHEME.match(folder) else os.path.join(os.getcwd(), folder)


def scheme(address: str) -> str:
    """What stands before the path in an address, if something does."""
    found = _SCHEME.match(address)
    return found[0] if found else ""


def is_within(one: str, other: str) -> bool:
    """Whether one place is the other one, or in it, behind links too."""
    return any(place[: len(above)] == above for place in _places(one) for above in _places(other))


def _places(address: str) -> list[list[str]]:
    """Where that may be: engines take `..` for what stands before it, also behind a link."""
    path = on_disk(whole(address))
    if path is None:
        plain = os.path.normpath("/" + "/".join(_parts(address)))
        return [[scheme(address).lower(), *_parts(plain)]]
    return [["", *_parts(os.path.realpath(way))] for way in (path, os.path.normpath(path))]


def _parts(address: str) -> list[str]:
    found = _SCHEME.match(address)
    path = address[found.end() :] if found else address
    return [part for part in path.split("/") if part not in ("", ".")]
