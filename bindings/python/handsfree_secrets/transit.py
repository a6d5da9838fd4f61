"""Keys of the transit engine: the server encrypts, decrypts, signs and makes data keys with keys that it keeps."""

import contextlib
import ctypes
import dataclasses
from typing import Any, Callable, Iterable, Iterator, List, Mapping, NoReturn, Optional, Sequence, Union

from ._calls import CURRENT, call, encoded, take_bytes, take_string
from ._library import HF_OK, library
from .errors import failure
from .fields import c_fields

Data = Union[bytes, bytearray, memoryview]
ItemParameters = Optional[Iterable[Optional[Mapping[str, Any]]]]
"""For each item what differs from the parameters of all: None, or a mapping such as {"context": b"row 1"}."""

_BINARY = ("context", "associated_data")


@dataclasses.dataclass(frozen=True)
class DataKey:
    """A random key, which repr does not show, and the same key encrypted, which Transit.decrypt turns back."""

    key: bytes = dataclasses.field(repr=False)
    wrapped: str


class Transit:
    """A key of the transit engine. Any number of threads may use it at once; it keeps its manager open.

    context and associated_data are bytes. Ciphertexts, signatures and HMACs are texts such as "vault:v1:...". A
    ciphertext that was changed or is of another key, and a wrong context, are a ValueError.
    """

    def __init__(self, handle: Optional[int]) -> None:
        """For the package: takes ownership of an hf_transit."""
        self._handle = handle

    def __del__(self) -> None:
        library.hf_transit_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be copied or pickled")

    def encrypt(self, data: Data, *, context: Optional[Data] = None, associated_data: Optional[Data] = None,
                key_version: Optional[int] = None) -> str:
        """Encrypts data under the latest version of the key, or under key_version."""
        return self._text(library.hf_transit_encrypt, data, context=context, associated_data=associated_data,
                          key_version=key_version)

    def decrypt(self, ciphertext: str, *, context: Optional[Data] = None,
                associated_data: Optional[Data] = None) -> bytes:
        """Decrypts a ciphertext, with the context and the associated data of its encryption."""
        out = ctypes.c_void_p()
        with _c_parameters(context=context, associated_data=associated_data) as parameters:
            call(library.hf_transit_decrypt, self._handle, encoded("ciphertext", ciphertext), parameters, CURRENT,
                 ctypes.byref(out))
        return take_bytes(out)

    def rewrap(self, ciphertext: str, *, context: Optional[Data] = None, associated_data: Optional[Data] = None,
               key_version: Optional[int] = None) -> str:
        """Encrypts the data of a ciphertext under the latest version of the key, without showing the data. With
        associated_data it is decrypted and encrypted, which needs the policy for both."""
        out = ctypes.c_void_p()
        with _c_parameters(context=context, associated_data=associated_data, key_version=key_version) as parameters:
            call(library.hf_transit_rewrap, self._handle, encoded("ciphertext", ciphertext), parameters, CURRENT,
                 ctypes.byref(out))
        return take_string(out)

    def sign(self, data: Data, *, context: Optional[Data] = None, key_version: Optional[int] = None,
             hash_algorithm: Optional[str] = None, signature_algorithm: Optional[str] = None,
             prehashed: Optional[bool] = None, marshaling_algorithm: Optional[str] = None) -> str:
        """Signs data, or with prehashed=True a hash that the program has made."""
        return self._text(library.hf_transit_sign, data, context=context, key_version=key_version,
                          hash_algorithm=hash_algorithm, signature_algorithm=signature_algorithm, prehashed=prehashed,
                          marshaling_algorithm=marshaling_algorithm)

    def verify(self, data: Data, signature: str, *, context: Optional[Data] = None,
               hash_algorithm: Optional[str] = None, signature_algorithm: Optional[str] = None,
               prehashed: Optional[bool] = None, marshaling_algorithm: Optional[str] = None) -> bool:
        """Returns whether a signature, or an HMAC, is one of data. The parameters are those that made it."""
        content = _bytes("data", data)
        with _c_parameters(context=context, hash_algorithm=hash_algorithm, signature_algorithm=signature_algorithm,
                           prehashed=prehashed, marshaling_algorithm=marshaling_algorithm) as parameters:
            return call(library.hf_transit_verify, self._handle, content, len(content),
                        encoded("signature", signature), parameters, CURRENT) == HF_OK

    def hmac(self, data: Data, *, key_version: Optional[int] = None, hash_algorithm: Optional[str] = None) -> str:
        """Makes an HMAC of data, which every key can do."""
        return self._text(library.hf_transit_hmac, data, key_version=key_version, hash_algorithm=hash_algorithm)

    def data_key(self, *, bits: Optional[int] = None, context: Optional[Data] = None,
                 associated_data: Optional[Data] = None) -> DataKey:
        """Makes a random key of 128, 256 or 512 bits (256 is the default) for encryption by the program itself."""
        key, wrapped = ctypes.c_void_p(), ctypes.c_void_p()
        with _c_parameters(bits=bits, context=context, associated_data=associated_data) as parameters:
            call(library.hf_transit_data_key, self._handle, parameters, CURRENT, ctypes.byref(key), ctypes.byref(wrapped))
        try:
            return DataKey(take_bytes(key), ctypes.string_at(wrapped).decode())
        finally:
            library.hf_free_string(wrapped)

    def wrapped_data_key(self, *, bits: Optional[int] = None, context: Optional[Data] = None,
                         associated_data: Optional[Data] = None) -> str:
        """Makes a data key for somebody else: the server sends it encrypted only."""
        wrapped = ctypes.c_void_p()
        with _c_parameters(bits=bits, context=context, associated_data=associated_data) as parameters:
            call(library.hf_transit_data_key, self._handle, parameters, CURRENT, None, ctypes.byref(wrapped))
        return take_string(wrapped)

    # Many items

    def encrypt_many(self, data: Iterable[Data], *, context: Optional[Data] = None,
                     associated_data: Optional[Data] = None, key_version: Optional[int] = None,
                     item_parameters: ItemParameters = None) -> List[Union[str, Exception]]:
        """Returns, for each piece of data, what encrypt returns, or the exception that it raises. item_parameters has,
        for each item, what differs from the other parameters."""
        items = [_bytes("data", each) for each in data]
        lengths = (ctypes.c_size_t * len(items))(*map(len, items))
        common = dict(context=context, associated_data=associated_data, key_version=key_version)
        return [_text_of(each) for each in
                self._each(library.hf_transit_encrypt_many, items, [lengths], common, item_parameters)]

    def decrypt_many(self, ciphertexts: Iterable[str], *, context: Optional[Data] = None,
                     associated_data: Optional[Data] = None,
                     item_parameters: ItemParameters = None) -> List[Union[bytes, Exception]]:
        """Returns, for each ciphertext, what decrypt returns, or the exception that it raises."""
        items = [encoded("ciphertext", each) for each in ciphertexts]
        common = dict(context=context, associated_data=associated_data)
        return self._each(library.hf_transit_decrypt_many, items, [], common, item_parameters)

    def rewrap_many(self, ciphertexts: Iterable[str], *, context: Optional[Data] = None,
                    associated_data: Optional[Data] = None, key_version: Optional[int] = None,
                    item_parameters: ItemParameters = None) -> List[Union[str, Exception]]:
        """Returns, for each ciphertext, what rewrap returns, or the exception that it raises."""
        items = [encoded("ciphertext", each) for each in ciphertexts]
        common = dict(context=context, associated_data=associated_data, key_version=key_version)
        return [_text_of(each) for each in
                self._each(library.hf_transit_rewrap_many, items, [], common, item_parameters)]

    def _each(self, function: Callable[..., int], items: List[bytes], lengths: Sequence[Any],
              common: Mapping[str, Any], item_parameters: ItemParameters) -> List[Union[bytes, Exception]]:
        results = ctypes.c_void_p()
        with contextlib.ExitStack() as stack:
            parameters = stack.enter_context(_c_parameters(**common))
            own = None
            if item_parameters is not None:
                handles = [stack.enter_context(_c_parameters(**(each or {}))) for each in item_parameters]
                if len(handles) != len(items):
                    raise ValueError("item_parameters: has to have one entry for each item")
                own = (ctypes.c_void_p * len(handles))(*handles)
            call(function, self._handle, (ctypes.c_char_p * len(items))(*items), *lengths, len(items), parameters, own,
                 CURRENT, ctypes.byref(results))
        try:
            return [_result(results, index) for index in range(library.hf_results_len(results))]
        finally:
            library.hf_results_free(results)

    def _text(self, function: Callable[..., int], data: Data, **parameters: Any) -> str:
        content, out = _bytes("data", data), ctypes.c_void_p()
        with _c_parameters(**parameters) as c_fields_or_null:
            call(function, self._handle, content, len(content), c_fields_or_null, CURRENT, ctypes.byref(out))
        return take_string(out)


def _bytes(name: str, value: Data) -> bytes:
    """The bytes of a value. bytes() would make zeros of a number, and a text needs an encoding."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name} has to be bytes")
    return bytes(value)


@contextlib.contextmanager
def _c_parameters(**parameters: Any) -> Iterator[Optional[int]]:
    """An hf_fields for the duration of a call; NULL if no parameter is given."""
    given = {name: _bytes(name, value) if name in _BINARY else value
             for name, value in parameters.items() if value is not None}
    if not given:
        yield None
        return
    with c_fields(given) as handle:
        yield handle


def _result(results: ctypes.c_void_p, index: int) -> Union[bytes, Exception]:
    status = library.hf_results_status(results, index)
    if status != HF_OK:
        return failure(status, library.hf_results_error(results, index))
    length = ctypes.c_size_t()
    data = library.hf_results_bytes(results, index, ctypes.byref(length))
    return ctypes.string_at(data, length.value)


def _text_of(result: Union[bytes, Exception]) -> Union[str, Exception]:
    return result.decode() if isinstance(result, bytes) else result
