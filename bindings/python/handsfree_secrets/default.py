"""The manager that the whole process shares."""

import ctypes
import threading
from typing import Optional

from ._calls import call
from ._library import library
from .manager import LibraryManager


class _DefaultManager(LibraryManager):
    """A reference to the library's own default manager."""

    def __init__(self) -> None:
        handle = ctypes.c_void_p()
        call(library.hf_manager_default, None, ctypes.byref(handle))
        self._handle = handle


_default: Optional[_DefaultManager] = None
_default_lock = threading.Lock()


def get_default_secret_manager() -> LibraryManager:
    """The manager that the environment describes (SECRET_MANAGER_TYPE), one for the whole process, C code included."""
    global _default
    with _default_lock:
        if _default is None:
            _default = _DefaultManager()
        return _default


def reset_default_secret_manager() -> None:
    """Makes the next get_default_secret_manager open a new one. What is in use goes on."""
    global _default
    with _default_lock:
        _default = None
        library.hf_manager_reset_default()
