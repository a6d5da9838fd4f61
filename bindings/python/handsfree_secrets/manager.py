"""The interface of the managers, and one class for each backend."""

import abc
import ctypes
from typing import List, Mapping, Optional

from ._calls import CMetadata, call, encoded, take_string
from ._library import HF_ERR_INVALID_REFERENCE, HF_NOT_FOUND, HF_OK, library
from .errors import checked


class SecretManager(abc.ABC):
    """A store of secrets."""

    @abc.abstractmethod
    def store_secret(self, key: str, value: str, metadata: Optional[Mapping[str, str]] = None) -> str:
        """Stores value under key, replacing an existing secret, and returns its reference."""

    @abc.abstractmethod
    def get_secret(self, reference: str) -> Optional[str]:
        """Returns the value that reference names, or None."""

    @abc.abstractmethod
    def update_secret(self, reference: str, value: str, metadata: Optional[Mapping[str, str]] = None) -> bool:
        """Replaces the value that reference names. Returns False if there is none. Metadata None keeps, {} removes them."""

    @abc.abstractmethod
    def delete_secret(self, reference: str) -> bool:
        """Deletes the secret that reference names with all its versions. Returns False if it does not exist."""

    @abc.abstractmethod
    def list_secrets(self, prefix: Optional[str] = None) -> List[str]:
        """Returns the references of all secrets, or of those whose path starts with prefix, sorted."""


class LibraryManager(SecretManager):
    """The five operations on an hf_manager, which is freed with this object."""

    _handle: Optional[ctypes.c_void_p] = None

    def _open(self, options: Mapping[str, Optional[str]]) -> None:
        handle = ctypes.c_void_p()
        c_options = library.hf_options_new()
        try:
            for name, value in options.items():
                if value is not None:
                    call(library.hf_options_set, c_options, name.encode(), encoded(name, value))
            call(library.hf_manager_open, c_options, None, ctypes.byref(handle))
        finally:
            library.hf_options_free(c_options)
        self._handle = handle

    def __del__(self) -> None:
        if self._handle:
            library.hf_manager_free(self._handle)

    @property
    def type(self) -> str:
        """ "env" or "vault"."""
        name: bytes = library.hf_manager_type(self._handle)
        return name.decode()

    def store_secret(self, key: str, value: str, metadata: Optional[Mapping[str, str]] = None) -> str:
        reference = ctypes.c_void_p()
        with CMetadata(metadata) as c_metadata:
            call(library.hf_store_secret, self._handle, encoded("key", key), encoded("value", value), c_metadata, None,
                 ctypes.byref(reference))
        return take_string(reference)

    def get_secret(self, reference: str) -> Optional[str]:
        value, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = library.hf_get_secret(self._handle, encoded("reference", reference), None, ctypes.byref(value),
                                       ctypes.byref(error))
        if status == HF_ERR_INVALID_REFERENCE:
            library.hf_error_free(error)
            return None
        if checked(status, error) == HF_NOT_FOUND:
            return None
        return take_string(value)

    def update_secret(self, reference: str, value: str, metadata: Optional[Mapping[str, str]] = None) -> bool:
        error = ctypes.c_void_p()
        with CMetadata(metadata) as c_metadata:
            status = library.hf_update_secret(self._handle, encoded("reference", reference), encoded("value", value),
                                              c_metadata, None, ctypes.byref(error))
        return _done(status, error)

    def delete_secret(self, reference: str) -> bool:
        error = ctypes.c_void_p()
        status = library.hf_delete_secret(self._handle, encoded("reference", reference), None, ctypes.byref(error))
        return _done(status, error)

    def list_secrets(self, prefix: Optional[str] = None) -> List[str]:
        references = ctypes.c_void_p()
        call(library.hf_list_secrets, self._handle, None if prefix is None else encoded("prefix", prefix), None,
             ctypes.byref(references))
        try:
            count = library.hf_string_list_len(references)
            return [library.hf_string_list_get(references, index).decode() for index in range(count)]
        finally:
            library.hf_string_list_free(references)


def _done(status: int, error: ctypes.c_void_p) -> bool:
    """Whether the secret existed."""
    if status == HF_ERR_INVALID_REFERENCE:
        library.hf_error_free(error)
        return False
    return checked(status, error) == HF_OK


class EnvSecretManager(LibraryManager):
    """Secrets in environment variables. Stored secrets are kept in the memory of this process."""

    def __init__(self) -> None:
        self._open({"SECRET_MANAGER_TYPE": "env"})


class VaultSecretManager(LibraryManager):
    """Secrets in HashiCorp Vault. Omitted arguments come from the environment: VAULT_ADDR and so on."""

    def __init__(self, vault_addr: Optional[str] = None, vault_token: Optional[str] = None,
                 vault_role_id: Optional[str] = None, vault_secret_id: Optional[str] = None,
                 vault_mount: Optional[str] = None, vault_namespace: Optional[str] = None) -> None:
        self._open({"SECRET_MANAGER_TYPE": "vault", "VAULT_ADDR": vault_addr, "VAULT_TOKEN": vault_token,
                    "VAULT_ROLE_ID": vault_role_id, "VAULT_SECRET_ID": vault_secret_id, "VAULT_MOUNT": vault_mount,
                    "VAULT_NAMESPACE": vault_namespace})
