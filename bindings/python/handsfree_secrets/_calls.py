"""Calls of the library: conversion of texts, metadata and errors."""

import ctypes
from types import TracebackType
from typing import Any, Callable, Mapping, Optional, Type

from ._library import library
from .errors import checked


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Calls a function whose last parameter is an hf_error **."""
    error = ctypes.c_void_p()
    return checked(function(*arguments, ctypes.byref(error)), error)


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


class CMetadata:
    """An hf_metadata for the duration of a call; NULL, which keeps the present metadata, for None."""

    def __init__(self, entries: Optional[Mapping[str, str]]) -> None:
        self.entries = entries
        self.handle: Optional[int] = None

    def __enter__(self) -> Optional[int]:
        if self.entries is None:
            return None
        self.handle = library.hf_metadata_new()
        try:
            for key, value in self.entries.items():
                call(library.hf_metadata_set, self.handle, encoded("metadata", key), encoded("metadata", value))
        except BaseException:
            library.hf_metadata_free(self.handle)
            raise
        return self.handle

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        library.hf_metadata_free(self.handle)
