"""The process-wide manager."""

import ctypes
import threading
from typing import Optional

from ._calls import CURRENT, call
from ._library import library
from .manager import LibraryManager


class _DefaultManager(LibraryManager):
    """A reference to the default manager of the library."""

    def __init__(self) -> None:
        handle = ctypes.c_void_p()
        call(library.hf_manager_default, CURRENT, ctypes.byref(handle))
        self._handle = handle


_default: Optional[_DefaultManager] = None
_default_lock = threading.Lock()


def get_default_secret_manager() -> LibraryManager:
    """Returns the process-wide manager, which the environment configures and which C code shares."""
    global _default
    with _default_lock:
        if _default is None:
            _default = _DefaultManager()
        return _default


def reset_default_secret_manager() -> None:
    """Makes the next get_default_secret_manager open a new manager. Existing references stay valid."""
    global _default
    with _default_lock:
        _default = None
        library.hf_manager_reset_default()
