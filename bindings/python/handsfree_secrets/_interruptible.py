"""Calls that signals can interrupt.

Python runs handlers of signals in the main thread, between two steps of its code, so not while that thread is inside of a
function of C. Calls of the main thread therefore go through a queue of the library, and the thread waits for the
descriptor of the queue: Python interrupts that, and goes on waiting unless a handler raises an exception, such as
KeyboardInterrupt for Ctrl-C. In other threads calls block, because no handler runs there.
"""

import atexit
import ctypes
import os
import select
import threading
from typing import Any, Callable, List, Optional, Tuple

from ._library import HF_OK, HF_PENDING, library
from .errors import checked


class CallArgument:
    """An argument for which ctypes passes an hf_call. A function that has one may block."""

    _as_parameter_: Optional[int]


class _Queue:
    """An hf_queue for one call at a time."""

    CONCURRENCY = 64  # The lookup of a host name keeps its thread also when the call was abandoned.
    # A signal that arrives as the thread begins to wait, or that the system gives to another thread, interrupts no wait:
    # its handler runs after this time. (signal.set_wakeup_fd would show it at once, but belongs to the program.)
    LONGEST_WAIT = 250  # Milliseconds.

    def __init__(self) -> None:
        self.handle: Any = ctypes.c_void_p()
        # Without one, where there are no more descriptors, calls block.
        if library.hf_queue_new(self.CONCURRENCY, ctypes.byref(self.handle), None) == HF_OK:
            self._readable = select.poll()
            self._readable.register(library.hf_queue_fd(self.handle), select.POLLIN)

    def __del__(self) -> None:
        library.hf_queue_free(self.handle)

    def wait(self) -> int:
        """Waits for the call, and returns its status."""
        tag, status, error, outcome = ctypes.c_size_t(), ctypes.c_int32(), ctypes.c_void_p(), HF_PENDING
        while outcome == HF_PENDING:
            self._readable.poll(self.LONGEST_WAIT)
            outcome = checked(library.hf_queue_next(self.handle, 0, ctypes.byref(tag), ctypes.byref(status),
                                                    ctypes.byref(error)), error)
        return status.value


# Whoever pops a queue owns it. A handler that makes a call while another one waits finds none, and makes one.
_idle: List[_Queue] = []


def run(function: Callable[..., int], arguments: Tuple[Any, ...], error: ctypes.c_void_p) -> int:
    """Calls a function whose last parameter is an hf_error **, and returns its status."""
    if threading.get_ident() == threading.main_thread().ident:
        for place, argument in enumerate(arguments):
            if isinstance(argument, CallArgument):
                return _run_in_queue(function, arguments, place, error)
    return function(*arguments, ctypes.byref(error))


def _run_in_queue(function: Callable[..., int], arguments: Tuple[Any, ...], place: int, error: ctypes.c_void_p) -> int:
    c_call = library.hf_call_copy(arguments[place]) or library.hf_call_new()
    queue, status = _idle.pop() if _idle else _Queue(), HF_PENDING
    try:
        if queue.handle:
            library.hf_call_set_queue(c_call, queue.handle, 0, None)
        status = function(*arguments[:place], c_call, *arguments[place + 1:], ctypes.byref(error))
        if status == HF_PENDING:
            status = queue.wait()
    finally:
        if status == HF_PENDING:  # A handler has raised an exception. Nothing was or will be written for the call.
            library.hf_call_abandon(c_call)
        library.hf_call_free(c_call)
        _idle.append(queue)
    return status


# A child of fork could not use the queue, and threads, which fork does not copy, make Python warn of it.
os.register_at_fork(before=_idle.clear)
atexit.register(_idle.clear)
