"""The metrics of the process."""

import ctypes
from typing import Optional

from ._calls import call, take_string
from ._library import library


def metrics_text(handle: Optional[ctypes.c_void_p]) -> str:
    """Returns the metrics of a manager, or of the process for None."""
    text = ctypes.c_void_p()
    call(library.hf_manager_metrics, handle, ctypes.byref(text))
    return take_string(text)


def process_metrics() -> str:
    """Returns the metrics of all managers of the process, closed ones included, in Prometheus' text format, to be
    served as text/plain; version=0.0.4."""
    return metrics_text(None)
