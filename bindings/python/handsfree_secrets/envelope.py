"""Envelopes: data of any size, encrypted here with a data key of the server. docs/envelope.md has the format.

context has 4096 bytes at most, associated_data have 65,535.
"""

import ctypes
from typing import Any, NoReturn, Optional, Protocol

from ._calls import CURRENT, call, take_bytes
from ._library import library
from .transit import Data, Transit, _bytes, _c_parameters


class _File(Protocol):
    def fileno(self) -> int: ...


def encrypt(key: Transit, data: Data, *, context: Optional[Data] = None,
            associated_data: Optional[Data] = None) -> bytes:
    """Encrypts data as a whole, and returns the envelope. context stands in it; associated_data does not."""
    return _whole(library.hf_envelope_encrypt, key, data, context, associated_data)


def decrypt(key: Transit, envelope: Data, *, context: Optional[Data] = None,
            associated_data: Optional[Data] = None) -> bytes:
    """Decrypts an envelope as a whole. One that was altered, cut off or lengthened is a ValueError. context may be left
    out, since it stands in the envelope."""
    return _whole(library.hf_envelope_decrypt, key, envelope, context, associated_data)


def encrypt_file(key: Transit, source: _File, target: _File, *, context: Optional[Data] = None,
                 associated_data: Optional[Data] = None) -> None:
    """Encrypts from one open file, pipe or socket to another, in constant memory. The descriptors are used directly: what
    the objects have buffered is neither read nor written."""
    _transfer(library.hf_envelope_encrypt_fd, key, source, target, context, associated_data)


def decrypt_file(key: Transit, source: _File, target: _File, *, context: Optional[Data] = None,
                 associated_data: Optional[Data] = None) -> None:
    """Decrypts, as encrypt_file encrypts. After an exception target may have a beginning of the data."""
    _transfer(library.hf_envelope_decrypt_fd, key, source, target, context, associated_data)


def rewrap(key: Transit, header: Data) -> bytes:
    """Wraps the data key of an envelope under the latest version of the key. Takes the envelope or its first 8200 bytes,
    and returns the new header, which takes the place of the first header_length(header) bytes."""
    out = ctypes.c_void_p()
    content = _bytes("header", header)
    call(library.hf_envelope_rewrap, key._handle, content, len(content), CURRENT, ctypes.byref(out))
    return take_bytes(out)


def header_length(header: Data) -> int:
    """The length of the header at the start of an envelope. ValueError if the header is not complete."""
    content = _bytes("header", header)
    wrapped = int.from_bytes(content[4:6], "big")
    length = 8 + wrapped + int.from_bytes(content[6 + wrapped:8 + wrapped], "big")
    if content[:4] != b"HFE\x01" or len(content) < max(length, 8 + wrapped):
        raise ValueError("header: is not complete, or this is no envelope")
    return length


class _Stream:
    """A stream; one thread at a time. After an exception it refuses everything."""

    def __init__(self, begin: Any, key: Transit, context: Optional[Data], associated_data: Optional[Data]) -> None:
        self._handle = ctypes.c_void_p()
        with _c_parameters(context=context, associated_data=associated_data) as parameters:
            call(begin, key._handle, parameters, CURRENT, ctypes.byref(self._handle))

    def __del__(self) -> None:
        library.hf_envelope_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be copied or pickled")

    def update(self, data: Data) -> bytes:
        """Takes the next data, and returns what they complete, perhaps nothing."""
        out = ctypes.c_void_p()
        content = _bytes("data", data)
        call(library.hf_envelope_update, self._handle, content, len(content), CURRENT, ctypes.byref(out))
        return take_bytes(out)

    def finish(self) -> bytes:
        """Ends the stream, and returns the rest."""
        out = ctypes.c_void_p()
        call(library.hf_envelope_finish, self._handle, CURRENT, ctypes.byref(out))
        return take_bytes(out)


class Encryptor(_Stream):
    """Encrypts piece by piece."""

    def __init__(self, key: Transit, *, context: Optional[Data] = None,
                 associated_data: Optional[Data] = None) -> None:
        super().__init__(library.hf_envelope_encryptor, key, context, associated_data)


class Decryptor(_Stream):
    """Decrypts piece by piece. The data are complete only when finish() has returned."""

    def __init__(self, key: Transit, *, context: Optional[Data] = None,
                 associated_data: Optional[Data] = None) -> None:
        super().__init__(library.hf_envelope_decryptor, key, context, associated_data)


def _whole(function: Any, key: Transit, data: Data, context: Optional[Data],
           associated_data: Optional[Data]) -> bytes:
    out = ctypes.c_void_p()
    content = _bytes("data", data)
    with _c_parameters(context=context, associated_data=associated_data) as parameters:
        call(function, key._handle, content, len(content), parameters, CURRENT, ctypes.byref(out))
    return take_bytes(out)


def _transfer(function: Any, key: Transit, source: _File, target: _File, context: Optional[Data],
              associated_data: Optional[Data]) -> None:
    with _c_parameters(context=context, associated_data=associated_data) as parameters:
        call(function, key._handle, source.fileno(), target.fileno(), parameters, CURRENT)
