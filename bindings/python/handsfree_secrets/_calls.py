"""Calls of the library: conversion of texts, bytes, metadata, settings and errors."""

import contextlib
import contextvars
import ctypes
import math
from typing import Any, Callable, ContextManager, Dict, Iterator, Mapping, Optional, Union

from ._interruptible import CallArgument, run
from ._library import HF_ERR_INVALID_REFERENCE, HF_OK, library
from .errors import checked


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Calls a function whose last parameter is an hf_error **."""
    error = ctypes.c_void_p()
    return checked(run(function, arguments, error), error)


def found(function: Callable[..., int], *arguments: Any) -> bool:
    """Calls a function that takes a reference. Returns False if there is nothing: HF_NOT_FOUND, or a text that is not a
    reference of the manager."""
    error = ctypes.c_void_p()
    return is_found(run(function, arguments, error), error)


def is_found(status: int, error: ctypes.c_void_p) -> bool:
    """Whether a status means that there is something. Frees the error, or raises its exception."""
    if status == HF_ERR_INVALID_REFERENCE:
        library.hf_error_free(error)
        return False
    return checked(status, error) == HF_OK


def encoded(name: str, text: str) -> bytes:
    """Encodes a text for C. A text that contains a NUL is refused, because C would truncate it."""
    encoded_text = text.encode()
    if b"\0" in encoded_text:
        raise ValueError(f"{name} holds U+0000, which this library cannot carry")
    return encoded_text


def take_string(pointer: ctypes.c_void_p) -> str:
    """Returns the text at a pointer and frees it with hf_free_string."""
    try:
        return ctypes.string_at(pointer).decode()
    finally:
        library.hf_free_string(pointer)


def take_bytes(handle: ctypes.c_void_p) -> bytes:
    """Returns the content of an hf_bytes and frees it."""
    try:
        return ctypes.string_at(library.hf_bytes_data(handle), library.hf_bytes_len(handle))
    finally:
        library.hf_bytes_free(handle)


def metadata_of(handle: Optional[int]) -> Dict[str, str]:
    """Copies a borrowed hf_metadata. Entries that contain a NUL, which C cannot return, are left out."""
    indices = range(library.hf_metadata_len(handle))
    entries = ((library.hf_metadata_key(handle, index), library.hf_metadata_value(handle, index)) for index in indices)
    return {key.decode(): value.decode() for key, value in entries if key is not None and value is not None}


@contextlib.contextmanager
def c_metadata(entries: Optional[Mapping[str, str]]) -> Iterator[Optional[int]]:
    """An hf_metadata for the duration of a call; NULL, which keeps the present metadata, for None."""
    if entries is None:
        yield None
        return
    handle = library.hf_metadata_new()
    try:
        for key, value in entries.items():
            call(library.hf_metadata_set, handle, encoded("metadata", key), encoded("metadata", value))
        yield handle
    finally:
        library.hf_metadata_free(handle)


class Settings(CallArgument):
    """An hf_call of its own, with the settings of the present context."""

    def __init__(self) -> None:
        self._as_parameter_ = library.hf_call_copy(CURRENT) or library.hf_call_new()

    def __del__(self) -> None:
        library.hf_call_free(self)


_settings: "contextvars.ContextVar[Optional[Settings]]" = contextvars.ContextVar("handsfree_secrets", default=None)


class _Current(CallArgument):
    """The settings of the present context; NULL if there are none."""

    @property
    def _as_parameter_(self) -> Optional[int]:
        settings = _settings.get()
        return None if settings is None else settings._as_parameter_


CURRENT = _Current()


@contextlib.contextmanager
def _with(function: Callable[..., int], value: Any) -> Iterator[None]:
    """Changes one setting for the present context within the block."""
    settings = Settings()
    configure(settings, function, value)
    token = _settings.set(settings)
    try:
        yield
    finally:
        _settings.reset(token)


def trace_parent(traceparent: str) -> ContextManager[None]:
    """Has every request within the block carry this traceparent of W3C Trace Context, in this thread or task and in
    those that it starts with its context."""
    return _with(library.hf_call_set_trace_parent, encoded("traceparent", traceparent))


def max_age(seconds: float) -> ContextManager[None]:
    """Has reads within the block take cached answers up to this age only, in place of VAULT_CACHE_TTL; 0 asks the
    server."""
    return _with(library.hf_call_set_max_age_ms, int64("max_age", math.floor(seconds * 1000), 0))


def configure(settings: Settings, function: Callable[..., int], value: Any) -> None:
    """Changes one setting. The function takes an hf_call, and does not block."""
    call(function, settings._as_parameter_, value)


def c_call(cas: Optional[int] = None, wrap_ttl: Optional[float] = None) -> CallArgument:
    """An hf_call with the settings of the present context and with these."""
    if cas is None and wrap_ttl is None:
        return CURRENT
    settings = Settings()
    if cas is not None:
        # The library takes -1 for "no condition", which is None here.
        configure(settings, library.hf_call_set_cas, int64("cas", cas, 0))
    if wrap_ttl is not None:
        configure(settings, library.hf_call_set_wrap_ttl_ms, int64("wrap_ttl", math.ceil(wrap_ttl * 1000), 1))
    return settings


def int64(name: str, number: int, least: int) -> int:
    """Checks a number, because ctypes would truncate one that is too large."""
    if not least <= number < 1 << 63:
        raise ValueError(f"{name} is out of range")
    return number


def int32(name: str, number: int) -> int:
    """As int64, for numbers of 32 bits of any sign."""
    if not -(1 << 31) <= number < 1 << 31:
        raise ValueError(f"{name} is out of range")
    return number
