"""Watching secrets for changes."""

import ctypes
import enum
import math
from typing import Iterator, NamedTuple, NoReturn, Optional

from ._calls import CURRENT, Settings, call, configure, encoded, int64
from ._interruptible import CallArgument
from ._library import HF_NOT_FOUND, HF_OK, library
from .errors import failure


class ChangeKind(enum.IntEnum):
    """What has changed. The library may have other kinds later: then read the secret again."""

    WRITTEN = 1
    DELETED = 2
    FAILED = 3


class Change(NamedTuple):
    """A change of a secret: the reference as it was added (beneath a folder the canonical one), the kind, the number of
    the latest version, and for FAILED why the secret cannot be looked at."""

    reference: str
    kind: int
    version: int
    error: Optional[Exception]


class Watch:
    """Tells which secrets have changed. An iterator that waits for ever; next_change() waits for some time.

        with manager.watch("vault://db") as watch:
            for change in watch:
                reconnect(manager.get_document(change.reference))

    Any thread may add and remove references, and one at a time waits for changes.
    """

    NOTHING = 0
    """The program has nothing: what is there is told first."""
    UNSEEN = -1
    """Only changes after the first look are told."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def __del__(self) -> None:
        if self._handle:
            library.hf_watch_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a watch cannot be copied or pickled")

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing: the watch is freed with its last reference."""

    def add(self, reference: str, known_version: int = NOTHING) -> None:
        """Watches a secret, or everything beneath a reference that ends in '/'."""
        call(library.hf_watch_add, self._handle, encoded("reference", reference),
             int64("known_version", known_version, -1))

    def remove(self, reference: str) -> bool:
        """Ends the watch of a reference, spelled as it was added. Returns False if it was not watched."""
        return call(library.hf_watch_remove, self._handle, encoded("reference", reference)) == HF_OK

    def next_change(self, timeout: Optional[float] = None) -> Optional[Change]:
        """Waits for the next change, up to timeout seconds. Returns None if nothing has changed in this time."""
        change = ctypes.c_void_p()
        if call(library.hf_watch_next, self._handle, _waiting(timeout), ctypes.byref(change)) == HF_NOT_FOUND:
            return None
        try:
            error = library.hf_change_error(change)
            return Change(library.hf_change_reference(change).decode(), library.hf_change_kind(change),
                          library.hf_change_version(change),
                          failure(library.hf_error_status(error), error) if error else None)
        finally:
            library.hf_change_free(change)

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        change = None
        while change is None:
            change = self.next_change()
        return change


def _waiting(timeout: Optional[float]) -> CallArgument:
    if timeout is None:
        return CURRENT
    settings = Settings()
    configure(settings, library.hf_call_set_timeout_ms, int64("timeout", math.ceil(timeout * 1000), 1))
    return settings
