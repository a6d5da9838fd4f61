"""The interface of the managers, and one class for each backend."""

import abc
import ctypes
import json
from typing import Any, Callable, Dict, Iterable, List, Mapping, NoReturn, Optional, Union

from ._calls import (
    CURRENT,
    c_call,
    c_metadata,
    call,
    encoded,
    found,
    int32,
    int64,
    take_bytes,
    take_string,
)
from ._library import HF_ERR_INVALID_REFERENCE, HF_NOT_FOUND, HF_OK, library
from .document import Document, Stored
from .errors import failure
from .fields import FieldValue, c_fields, c_parameters
from .lease import Credentials, Lease
from .metrics import metrics_text
from .request import Response
from .transit import Transit
from .versions import Rotation, Versions, take_versions
from .watch import Watch

Metadata = Optional[Mapping[str, str]]


class SecretManager(abc.ABC):
    """A store of secrets."""

    @abc.abstractmethod
    def store_secret(self, key: str, value: str, metadata: Metadata = None) -> str:
        """Stores value under key, replacing an existing secret, and returns its reference."""

    @abc.abstractmethod
    def get_secret(self, reference: str) -> Optional[str]:
        """Returns the value that reference names, or None."""

    @abc.abstractmethod
    def update_secret(self, reference: str, value: str, metadata: Metadata = None) -> bool:
        """Replaces the value that reference names. Returns False if there is none. Metadata None keeps, {} removes them.
        """

    @abc.abstractmethod
    def delete_secret(self, reference: str) -> bool:
        """Deletes the secret that reference names with all its versions. Returns False if it does not exist."""

    @abc.abstractmethod
    def list_secrets(self, prefix: Optional[str] = None) -> List[str]:
        """Returns the references of all secrets, or of those whose path starts with prefix, sorted."""


class LibraryManager(SecretManager):
    """The operations on an hf_manager, which is freed with this object.

    A write with cas takes place only if the latest version of the secret has this number (0: there is none yet);
    otherwise it is a VaultError with the status "HF_ERR_CONFLICT".
    """

    _handle: Optional[ctypes.c_void_p] = None

    def _open(self, options: Mapping[str, Optional[str]]) -> None:
        handle = ctypes.c_void_p()
        c_options = library.hf_options_new()
        try:
            for name, value in options.items():
                if value is not None:
                    call(library.hf_options_set, c_options, name.encode(), encoded(name, value))
            call(library.hf_manager_open, c_options, CURRENT, ctypes.byref(handle))
        finally:
            library.hf_options_free(c_options)
        self._handle = handle

    def __del__(self) -> None:
        if self._handle:
            library.hf_manager_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a manager cannot be copied or pickled")

    @property
    def type(self) -> str:
        """ "env" or "vault"."""
        name: bytes = library.hf_manager_type(self._handle)
        return name.decode()

    def check(self) -> None:
        """Raises VaultError unless a server answers, is unsealed, and takes the token."""
        call(library.hf_manager_check, self._handle, CURRENT)

    def warm(self, connections: int) -> None:
        """Opens connections until this number of them is idle, so that the first calls find them open."""
        call(library.hf_manager_warm, self._handle, int32("connections", connections), CURRENT)

    def clear_cache(self, reference: Optional[str] = None) -> None:
        """Drops what is cached about one secret, or about all of them, so that the next reads ask the server."""
        text = None if reference is None else encoded("reference", reference)
        call(library.hf_manager_cache_clear, self._handle, text)

    def metrics(self) -> str:
        """Returns the metrics of this manager in Prometheus' text format; empty for the environment."""
        return metrics_text(self._handle)

    # Secrets

    def store_secret(self, key: str, value: str, metadata: Metadata = None, *, cas: Optional[int] = None) -> str:
        reference = ctypes.c_void_p()
        with c_metadata(metadata) as c_entries:
            call(library.hf_store_secret, self._handle, encoded("key", key), encoded("value", value), c_entries,
                 c_call(cas), ctypes.byref(reference))
        return take_string(reference)

    def get_secret(self, reference: str) -> Optional[str]:
        value = ctypes.c_void_p()
        if not found(library.hf_get_secret, self._handle, encoded("reference", reference), CURRENT, ctypes.byref(value)):
            return None
        return take_string(value)

    def update_secret(self, reference: str, value: str, metadata: Metadata = None, *,
                      cas: Optional[int] = None) -> bool:
        with c_metadata(metadata) as c_entries:
            return found(library.hf_update_secret, self._handle, encoded("reference", reference),
                         encoded("value", value), c_entries, c_call(cas))

    def delete_secret(self, reference: str) -> bool:
        return found(library.hf_delete_secret, self._handle, encoded("reference", reference), CURRENT)

    def list_secrets(self, prefix: Optional[str] = None) -> List[str]:
        references = ctypes.c_void_p()
        call(library.hf_list_secrets, self._handle, None if prefix is None else encoded("prefix", prefix), CURRENT,
             ctypes.byref(references))
        return take_list(references)

    # Documents

    def get_document(self, reference: str) -> Optional[Document]:
        """Returns all fields of one version, or None. The reference names no field."""
        document = ctypes.c_void_p()
        if not found(library.hf_get_document, self._handle, encoded("reference", reference), CURRENT,
                     ctypes.byref(document)):
            return None
        return Document(document.value)

    def get_documents(self, references: Iterable[str]) -> List[Union[Document, None, Exception]]:
        """Returns, for each reference, what get_document returns, or the exception that it raises. The requests are
        sent several at a time."""
        texts = [encoded("reference", reference) for reference in references]
        results = ctypes.c_void_p()
        call(library.hf_get_documents, self._handle, (ctypes.c_char_p * len(texts))(*texts), len(texts), CURRENT,
             ctypes.byref(results))
        return take_documents(results)

    def store_document(self, key: str, fields: Mapping[str, FieldValue], metadata: Metadata = None, *,
                       cas: Optional[int] = None) -> Stored:
        """Stores fields under key, replacing an existing secret with all of its fields."""
        reference, version = ctypes.c_void_p(), ctypes.c_int64()
        with c_fields(fields) as c_values, c_metadata(metadata) as c_entries:
            call(library.hf_store_document, self._handle, encoded("key", key), c_values, c_entries, c_call(cas),
                 ctypes.byref(reference), ctypes.byref(version))
        return Stored(take_string(reference), version.value)

    def update_document(self, reference: str, fields: Mapping[str, FieldValue], metadata: Metadata = None, *,
                        cas: Optional[int] = None) -> Optional[int]:
        """Changes these fields, deletes those that are REMOVED, and keeps all others. Returns the number of the new
        version (0 if there are no versions), or None if there is no such secret. Metadata None keeps, {} removes them.
        """
        version = ctypes.c_int64()
        with c_fields(fields) as c_values, c_metadata(metadata) as c_entries:
            changed = found(library.hf_update_document, self._handle, encoded("reference", reference), c_values,
                            c_entries, c_call(cas), ctypes.byref(version))
        return version.value if changed else None

    # Versions

    def list_versions(self, reference: str) -> Optional[Versions]:
        """Returns the versions of a secret and its custom metadata, or None."""
        versions = ctypes.c_void_p()
        if not found(library.hf_list_versions, self._handle, encoded("reference", reference), CURRENT,
                     ctypes.byref(versions)):
            return None
        return take_versions(versions)

    def delete_versions(self, reference: str, versions: Iterable[int]) -> bool:
        """Deletes versions until undelete_versions; 0 is the latest. Returns False if one of them does not exist."""
        return self._change_versions(library.hf_delete_versions, reference, versions)

    def undelete_versions(self, reference: str, versions: Iterable[int]) -> bool:
        """Makes deleted versions readable again. Returns False if one of them does not exist or was destroyed."""
        return self._change_versions(library.hf_undelete_versions, reference, versions)

    def destroy_versions(self, reference: str, versions: Iterable[int]) -> bool:
        """Removes the content of versions for good. Returns False if one of them does not exist."""
        return self._change_versions(library.hf_destroy_versions, reference, versions)

    def _change_versions(self, function: Callable[..., int], reference: str, versions: Iterable[int]) -> bool:
        numbers = [int64("version", version, 0) for version in versions]
        return found(function, self._handle, encoded("reference", reference), (ctypes.c_int64 * len(numbers))(*numbers),
                     len(numbers), CURRENT)

    def rollback_secret(self, reference: str, version: int) -> Optional[int]:
        """Writes the fields of an older version as a new one. Returns the number of the new version, or None if the
        older one cannot be read."""
        new_version = ctypes.c_int64()
        done = found(library.hf_rollback_secret, self._handle, encoded("reference", reference),
                     int64("version", version, 1), CURRENT, ctypes.byref(new_version))
        return new_version.value if done else None

    def set_custom_metadata(self, reference: str, metadata: Mapping[str, str]) -> bool:
        """Replaces the custom metadata of all versions; {} removes them. Returns False if there is no such secret."""
        with c_metadata(metadata) as c_entries:
            return found(library.hf_set_custom_metadata, self._handle, encoded("reference", reference), c_entries, CURRENT)

    def rotate_secret(self, reference: str, password_policy: Optional[str] = None) -> Optional[Rotation]:
        """Gives the field that reference names ("value" if it names none) a random value: one of a password policy of
        the server, or 32 letters and digits. Returns None if there is no such secret or field."""
        value, version = ctypes.c_void_p(), ctypes.c_int64()
        policy = None if password_policy is None else encoded("password_policy", password_policy)
        if not found(library.hf_rotate_secret, self._handle, encoded("reference", reference), policy, CURRENT,
                     ctypes.byref(value), ctypes.byref(version)):
            return None
        return Rotation(take_string(value), version.value)

    # Requests

    def request(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None, *,
                wrap_ttl: Optional[float] = None) -> Optional[Response]:
        """Sends a request to /v1/path, or returns None if there is nothing at the path. The body is sent as JSON. With
        wrap_ttl the server keeps its answer for so many seconds, and returns a token for unwrap."""
        text = None if body is None else json.dumps(dict(body), allow_nan=False).encode()
        status, answer = ctypes.c_int32(), ctypes.c_void_p()
        done = call(library.hf_request, self._handle, encoded("method", method), encoded("path", path), text,
                    c_call(wrap_ttl=wrap_ttl), ctypes.byref(status), ctypes.byref(answer))
        return Response(status.value, take_bytes(answer)) if done == HF_OK else None

    def unwrap(self, wrapping_token: str) -> Dict[str, Any]:
        """Exchanges a wrapping token, once, for the answer that the server has kept for it."""
        answer = ctypes.c_void_p()
        call(library.hf_unwrap, self._handle, encoded("wrapping_token", wrapping_token), CURRENT, ctypes.byref(answer))
        value: Dict[str, Any] = json.loads(take_string(answer))
        return value

    # Credentials

    def lease(self, path: str, parameters: Optional[Mapping[str, FieldValue]] = None) -> Optional[Lease]:
        """Obtains credentials from a path of the API, such as "database/creds/app", or from a secret by its reference. With
        parameters the request is a POST, even if they are none. None if there is nothing at the path."""
        lease = ctypes.c_void_p()
        with c_parameters(parameters) as c_values:
            status = call(library.hf_lease_open, self._handle, encoded("path", path), c_values, CURRENT,
                          ctypes.byref(lease))
        return Lease(lease.value) if status == HF_OK else None

    def credentials(self, path: str, parameters: Optional[Mapping[str, FieldValue]] = None) -> Optional[Credentials]:
        """Opens a source of credentials that are always valid, and obtains the first ones; as lease."""
        source = ctypes.c_void_p()
        with c_parameters(parameters) as c_values:
            status = call(library.hf_credentials_open, self._handle, encoded("path", path), c_values, CURRENT,
                          ctypes.byref(source))
        return Credentials(source.value) if status == HF_OK else None

    def maintain(self) -> Optional[float]:
        """Does what is due for the token and for all Credentials of this manager that are in use. Returns in how many
        seconds something is due next, None if never."""
        next_ms = ctypes.c_int64()
        call(library.hf_manager_maintain, self._handle, CURRENT, ctypes.byref(next_ms))
        return None if next_ms.value < 0 else next_ms.value / 1000

    # Watches

    def watch(self, *references: str) -> Watch:
        """Returns a watch of these references, of which the program has nothing: what is there is told first.
        Watch.add adds others, and what the program has of them."""
        handle = ctypes.c_void_p()
        call(library.hf_watch_new, self._handle, ctypes.byref(handle))
        watch = Watch(handle)
        for reference in references:
            watch.add(reference)
        return watch

    # Transit

    def transit(self, key: str) -> Optional[Transit]:
        """Returns a key of the transit engine at VAULT_TRANSIT_MOUNT, or None if there is no such key: no operation
        makes a key by a mistyped name."""
        transit = ctypes.c_void_p()
        if call(library.hf_transit_open, self._handle, encoded("key", key), CURRENT, ctypes.byref(transit)) != HF_OK:
            return None
        return Transit(transit.value)


def take_list(references: ctypes.c_void_p) -> List[str]:
    """Returns the texts of an hf_string_list and frees it."""
    try:
        count = library.hf_string_list_len(references)
        return [library.hf_string_list_get(references, index).decode() for index in range(count)]
    finally:
        library.hf_string_list_free(references)


def take_documents(results: ctypes.c_void_p) -> List[Union[Document, None, Exception]]:
    """Returns the documents of an hf_results, or the exceptions in their places, and frees it."""
    try:
        return [_result(results, index) for index in range(library.hf_results_len(results))]
    finally:
        library.hf_results_free(results)


def _result(results: ctypes.c_void_p, index: int) -> Union[Document, None, Exception]:
    status = library.hf_results_status(results, index)
    if status == HF_OK:
        return Document(library.hf_document_ref(library.hf_results_document(results, index)))
    if status in (HF_NOT_FOUND, HF_ERR_INVALID_REFERENCE):
        return None
    return failure(status, library.hf_results_error(results, index))


class EnvSecretManager(LibraryManager):
    """Secrets in environment variables. Stored secrets are kept in the memory of this process."""

    def __init__(self) -> None:
        self._open({"SECRET_MANAGER_TYPE": "env"})


class VaultSecretManager(LibraryManager):
    """Secrets in HashiCorp Vault. Omitted arguments come from the environment: VAULT_ADDR and so on. The other options
    of the library are given by their names, such as {"VAULT_CACHE_TTL": "30s"}."""

    def __init__(self, vault_addr: Optional[str] = None, vault_token: Optional[str] = None,
                 vault_role_id: Optional[str] = None, vault_secret_id: Optional[str] = None,
                 vault_mount: Optional[str] = None, vault_namespace: Optional[str] = None, *,
                 options: Optional[Mapping[str, str]] = None) -> None:
        self._open({"SECRET_MANAGER_TYPE": "vault", "VAULT_ADDR": vault_addr, "VAULT_TOKEN": vault_token,
                    "VAULT_ROLE_ID": vault_role_id, "VAULT_SECRET_ID": vault_secret_id, "VAULT_MOUNT": vault_mount,
                    "VAULT_NAMESPACE": vault_namespace, **(options or {})})
