"""Conversion of failures to exceptions."""

import ctypes
from typing import Any

from ._library import HF_ERR_CONFIG, HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE, library


class VaultError(Exception):
    """A failed call: the message, the status such as "HF_ERR_TIMEOUT", and the HTTP status (0: no response)."""

    def __init__(self, message: str, status: str, http_status: int) -> None:
        super().__init__(message)
        self.status = status
        self.http_status = http_status


def failure(status: int, error: Any) -> Exception:
    """The exception for a status and its hf_error, which stays the caller's."""
    message = library.hf_error_message(error).decode()
    http_status = library.hf_error_http_status(error)
    # A configuration that the server refuses, such as a missing mount, is a VaultError; an incomplete one a ValueError.
    callers = status in (HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE)
    if callers or (status == HF_ERR_CONFIG and http_status == 0):
        return ValueError(message)
    return VaultError(message, library.hf_status_name(status).decode(), http_status)


def checked(status: int, error: ctypes.c_void_p) -> int:
    """Returns the status of a call without an error, such as HF_OK or HF_NOT_FOUND; raises an exception otherwise. Frees
    the error."""
    if not error:
        return status
    raised = failure(status, error)
    library.hf_error_free(error)
    raise raised
