"""Secrets in asyncio, without threads of Python: calls go through a queue of the library, whose descriptor the event loop
watches.

    from handsfree_secrets import VaultSecretManager, aio

    async with aio.SecretManager(VaultSecretManager()) as secrets:
        values = await asyncio.gather(*(secrets.get_secret(f"vault://user_{number}") for number in range(1000)))

A task that is cancelled abandons its call: a write may have happened. asyncio.wait_for and asyncio.timeout limit a call;
without them VAULT_CLIENT_TIMEOUT does.
"""

import asyncio
import ctypes
import json
import math
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from ._calls import CURRENT, c_metadata, call, encoded, int64, is_found, take_bytes, take_string
from ._library import HF_OK, HF_PENDING, library
from .document import Document, Stored
from .errors import VaultError, checked
from .fields import FieldValue, c_fields
from .manager import LibraryManager, Metadata, take_documents, take_list
from .request import Response
from .transit import Data, _bytes, _c_parameters
from .transit import Transit as _BlockingTransit
from .versions import Rotation, Versions, take_versions


class _Out(ctypes.c_void_p):
    """An out-parameter for an object, and the function that frees it."""

    free: Callable[[Any], None]


def _out(free: Callable[[Any], None]) -> _Out:
    out = _Out()
    out.free = free
    return out


class _Queue:
    """An hf_queue, whose calls the event loop takes."""

    def __init__(self, concurrency: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle = ctypes.c_void_p()
        call(library.hf_queue_new, concurrency, ctypes.byref(self._handle))
        # With the out-parameters of each call, which are kept until it was taken or abandoned.
        self._pending: Dict[int, Tuple["asyncio.Future[int]", Tuple[Any, ...]]] = {}
        self._last_tag = 0
        self._loop.add_reader(library.hf_queue_fd(self._handle), self._take)

    async def run(self, function: Callable[..., int], arguments: Tuple[Any, ...], out: Tuple[Any, ...],
                  cas: Optional[int] = None, wrap_ttl: Optional[float] = None) -> Tuple[int, ctypes.c_void_p]:
        """Calls a function whose parameters are the arguments, an hf_call, out-parameters and an hf_error **. Returns
        the status and the error."""
        if not self._handle:  # Without a queue the call would block.
            raise VaultError("the manager is closed", "HF_ERR_CANCELLED", 0)
        error = _out(library.hf_error_free)
        c_call = library.hf_call_copy(CURRENT) or library.hf_call_new()
        try:
            if cas is not None:
                call(library.hf_call_set_cas, c_call, int64("cas", cas, 0))
            if wrap_ttl is not None:
                call(library.hf_call_set_wrap_ttl_ms, c_call, int64("wrap_ttl", math.ceil(wrap_ttl * 1000), 1))
            self._last_tag += 1
            call(library.hf_call_set_queue, c_call, self._handle, self._last_tag)
            places = [None if each is None else ctypes.byref(each) for each in out]
            status = function(*arguments, c_call, *places, ctypes.byref(error))
            if status == HF_PENDING:
                status = await self._end_of(self._last_tag, c_call, (*out, error))
        finally:
            library.hf_call_free(c_call)
        return status, error

    async def _end_of(self, tag: int, c_call: int, kept: Tuple[Any, ...]) -> int:
        future: "asyncio.Future[int]" = self._loop.create_future()
        self._pending[tag] = future, kept
        try:
            return await future
        except BaseException:  # The task was cancelled, or the coroutine closed.
            if self._pending.pop(tag, None) is not None:
                library.hf_call_abandon(c_call)
            else:  # It has ended before.
                _free(kept)
            raise

    def _take(self) -> None:
        """Takes the calls that have ended. The event loop calls it when the descriptor is readable."""
        tag, outcome = ctypes.c_size_t(), ctypes.c_int32()
        while call(library.hf_queue_next, self._handle, 0, ctypes.byref(tag), ctypes.byref(outcome)) == HF_OK:
            future, _ = self._pending.pop(tag.value)
            if not future.cancelled():  # Otherwise its task is about to free what was written.
                future.set_result(outcome.value)

    async def close(self) -> None:
        """Cancels what is pending, waits for its end, and frees the queue."""
        if not self._handle:
            return
        library.hf_queue_close(self._handle)
        waiting = [future for future, _ in self._pending.values()]
        if waiting:
            await asyncio.wait(waiting)
        if not self._handle:  # Another task has closed it meanwhile.
            return
        self._loop.remove_reader(library.hf_queue_fd(self._handle))
        library.hf_queue_free(self._handle)
        self._handle = ctypes.c_void_p()


def _free(kept: Tuple[Any, ...]) -> None:
    for each in kept:
        if isinstance(each, _Out) and each:
            each.free(each)


class _Operations:
    """What the classes of this module have in common: an object of the library, and a queue."""

    _queue: _Queue
    _object: Any

    async def _call(self, function: Callable[..., int], *arguments: Any, out: Tuple[Any, ...] = (),
                    **settings: Any) -> int:
        return checked(*await self._queue.run(function, (self._object._handle, *arguments), out, **settings))

    async def _found(self, function: Callable[..., int], *arguments: Any, out: Tuple[Any, ...] = (),
                     **settings: Any) -> bool:
        return is_found(*await self._queue.run(function, (self._object._handle, *arguments), out, **settings))


class SecretManager(_Operations):
    """The operations of a manager as coroutines, with the parameters, results and exceptions of its own methods. The
    manager may be used directly, too. Belongs to one event loop; aclose() or "async with" ends it.
    """

    def __init__(self, manager: LibraryManager, *, concurrency: int = 32) -> None:
        """concurrency is the number of calls under way at a time, from 1 to 64; the others wait for their turn."""
        self._object = manager
        self._queue = _Queue(concurrency)

    async def __aenter__(self) -> "SecretManager":
        return self

    async def __aexit__(self, *exception: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends what is pending with a VaultError of the status "HF_ERR_CANCELLED", as operations do from now on, and frees
        the queue."""
        await self._queue.close()

    async def check(self) -> None:
        """Raises VaultError unless a server answers, is unsealed, and takes the token."""
        await self._call(library.hf_manager_check)

    # Secrets

    async def store_secret(self, key: str, value: str, metadata: Metadata = None, *, cas: Optional[int] = None) -> str:
        """Stores value under key, replacing an existing secret, and returns its reference."""
        reference = _out(library.hf_free_string)
        with c_metadata(metadata) as c_entries:
            await self._call(library.hf_store_secret, encoded("key", key), encoded("value", value), c_entries,
                             out=(reference,), cas=cas)
        return take_string(reference)

    async def get_secret(self, reference: str) -> Optional[str]:
        """Returns the value that reference names, or None."""
        value = _out(library.hf_free_string)
        if not await self._found(library.hf_get_secret, encoded("reference", reference), out=(value,)):
            return None
        return take_string(value)

    async def update_secret(self, reference: str, value: str, metadata: Metadata = None, *,
                            cas: Optional[int] = None) -> bool:
        """Replaces the value that reference names. Returns False if there is none."""
        with c_metadata(metadata) as c_entries:
            return await self._found(library.hf_update_secret, encoded("reference", reference),
                                     encoded("value", value), c_entries, cas=cas)

    async def delete_secret(self, reference: str) -> bool:
        """Deletes the secret that reference names with all its versions. Returns False if it does not exist."""
        return await self._found(library.hf_delete_secret, encoded("reference", reference))

    async def list_secrets(self, prefix: Optional[str] = None) -> List[str]:
        """Returns the references of all secrets, or of those whose path starts with prefix, sorted."""
        references = _out(library.hf_string_list_free)
        await self._call(library.hf_list_secrets, None if prefix is None else encoded("prefix", prefix),
                         out=(references,))
        return take_list(references)

    # Documents

    async def get_document(self, reference: str) -> Optional[Document]:
        """Returns all fields of one version, or None."""
        document = _out(library.hf_document_free)
        if not await self._found(library.hf_get_document, encoded("reference", reference), out=(document,)):
            return None
        return Document(document.value)

    async def get_documents(self, references: Iterable[str]) -> List[Union[Document, None, Exception]]:
        """Returns, for each reference, what get_document returns, or the exception that it raises."""
        texts = [encoded("reference", reference) for reference in references]
        results = _out(library.hf_results_free)
        await self._call(library.hf_get_documents, (ctypes.c_char_p * len(texts))(*texts), len(texts), out=(results,))
        return take_documents(results)

    async def store_document(self, key: str, fields: Mapping[str, FieldValue], metadata: Metadata = None, *,
                             cas: Optional[int] = None) -> Stored:
        """Stores fields under key, replacing an existing secret with all of its fields."""
        reference, version = _out(library.hf_free_string), ctypes.c_int64()
        with c_fields(fields) as c_values, c_metadata(metadata) as c_entries:
            await self._call(library.hf_store_document, encoded("key", key), c_values, c_entries,
                             out=(reference, version), cas=cas)
        return Stored(take_string(reference), version.value)

    async def update_document(self, reference: str, fields: Mapping[str, FieldValue], metadata: Metadata = None, *,
                              cas: Optional[int] = None) -> Optional[int]:
        """Changes these fields and keeps all others. Returns the number of the new version, or None."""
        version = ctypes.c_int64()
        with c_fields(fields) as c_values, c_metadata(metadata) as c_entries:
            changed = await self._found(library.hf_update_document, encoded("reference", reference), c_values,
                                        c_entries, out=(version,), cas=cas)
        return version.value if changed else None

    # Versions

    async def list_versions(self, reference: str) -> Optional[Versions]:
        """Returns the versions of a secret and its custom metadata, or None."""
        versions = _out(library.hf_versions_free)
        if not await self._found(library.hf_list_versions, encoded("reference", reference), out=(versions,)):
            return None
        return take_versions(versions)

    async def rotate_secret(self, reference: str, password_policy: Optional[str] = None) -> Optional[Rotation]:
        """Gives the field that reference names a random value, or returns None if there is no such secret or field."""
        value, version = _out(library.hf_free_string), ctypes.c_int64()
        policy = None if password_policy is None else encoded("password_policy", password_policy)
        if not await self._found(library.hf_rotate_secret, encoded("reference", reference), policy,
                                 out=(value, version)):
            return None
        return Rotation(take_string(value), version.value)

    # Requests

    async def request(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None, *,
                      wrap_ttl: Optional[float] = None) -> Optional[Response]:
        """Sends a request to /v1/path, or returns None if there is nothing at the path."""
        text = None if body is None else json.dumps(dict(body), allow_nan=False).encode()
        status, answer = ctypes.c_int32(), _out(library.hf_bytes_free)
        done = await self._call(library.hf_request, encoded("method", method), encoded("path", path), text,
                                out=(status, answer), wrap_ttl=wrap_ttl)
        return Response(status.value, take_bytes(answer)) if done == HF_OK else None

    async def unwrap(self, wrapping_token: str) -> Dict[str, Any]:
        """Exchanges a wrapping token, once, for the answer that the server has kept for it."""
        answer = _out(library.hf_free_string)
        await self._call(library.hf_unwrap, encoded("wrapping_token", wrapping_token), out=(answer,))
        value: Dict[str, Any] = json.loads(take_string(answer))
        return value

    # Transit

    async def transit(self, key: str) -> Optional["Transit"]:
        """Returns a key of the transit engine, or None if there is no such key."""
        transit = _out(library.hf_transit_free)
        if await self._call(library.hf_transit_open, encoded("key", key), out=(transit,)) != HF_OK:
            return None
        return Transit(_BlockingTransit(transit.value), self._queue)


class Transit(_Operations):
    """A key of the transit engine. The parameters are those of handsfree_secrets.Transit."""

    def __init__(self, key: _BlockingTransit, queue: _Queue) -> None:
        """For the package."""
        self._object = key
        self._queue = queue

    async def encrypt(self, data: Data, **parameters: Any) -> str:
        """Encrypts data: context, associated_data, key_version."""
        return await self._text(library.hf_transit_encrypt, data, parameters)

    async def decrypt(self, ciphertext: str, **parameters: Any) -> bytes:
        """Decrypts a ciphertext: context, associated_data."""
        data = _out(library.hf_bytes_free)
        with _c_parameters(**parameters) as c_parameters:
            await self._call(library.hf_transit_decrypt, encoded("ciphertext", ciphertext), c_parameters, out=(data,))
        return take_bytes(data)

    async def rewrap(self, ciphertext: str, **parameters: Any) -> str:
        """Encrypts the data of a ciphertext under the latest version: context, associated_data, key_version."""
        out = _out(library.hf_free_string)
        with _c_parameters(**parameters) as c_parameters:
            await self._call(library.hf_transit_rewrap, encoded("ciphertext", ciphertext), c_parameters, out=(out,))
        return take_string(out)

    async def sign(self, data: Data, **parameters: Any) -> str:
        """Signs data."""
        return await self._text(library.hf_transit_sign, data, parameters)

    async def hmac(self, data: Data, **parameters: Any) -> str:
        """Makes an HMAC of data."""
        return await self._text(library.hf_transit_hmac, data, parameters)

    async def verify(self, data: Data, signature: str, **parameters: Any) -> bool:
        """Returns whether a signature, or an HMAC, is one of data."""
        content = _bytes("data", data)
        with _c_parameters(**parameters) as c_parameters:
            return await self._call(library.hf_transit_verify, content, len(content), encoded("signature", signature),
                                    c_parameters) == HF_OK

    async def _text(self, function: Callable[..., int], data: Data, parameters: Mapping[str, Any]) -> str:
        content, out = _bytes("data", data), _out(library.hf_free_string)
        with _c_parameters(**parameters) as c_parameters:
            await self._call(function, content, len(content), c_parameters, out=(out,))
        return take_string(out)
