"""Secrets in HashiCorp Vault or in the environment, by libhandsfree_secrets. One file, standard library only.

    from handsfree_secrets import get_default_secret_manager

    secret_manager = get_default_secret_manager()
    reference = secret_manager.store_secret("github_token_user_123", "ghp_...", metadata={"scopes": "repo,user"})
    token = secret_manager.get_secret(reference)

Errors: ValueError for what the caller or the configuration got wrong, VaultError for everything else. A secret that
does not exist is None or False, and so is a text that is no reference of the manager (the library logs a warning).

Any number of threads may use a manager at once; ctypes releases the interpreter's lock during a call. After a fork the
child may go on using it. Python's strings cannot be wiped: what get_secret returns stays in memory until it is reused.

The library is found as the dynamic linker finds it; HANDSFREE_SECRETS_LIBRARY=/path names another.
"""

import abc
import ctypes
import os
import threading

__all__ = ["EnvSecretManager", "SecretManager", "VaultError", "VaultSecretManager", "get_default_secret_manager",
           "reset_default_secret_manager"]

HF_OK, HF_NOT_FOUND = 0, 1
HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE, HF_ERR_CONFIG = -1, -2, -3

_OUT = ctypes.POINTER(ctypes.c_void_p)
_HANDLE, _TEXT, _STATUS = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32

# What the library owns is c_void_p throughout: ctypes would turn a c_char_p result into bytes and lose the pointer that
# has to be freed.
_SIGNATURES = {
    "hf_options_new": (_HANDLE, []),
    "hf_options_set": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_options_free": (None, [_HANDLE]),
    "hf_manager_open": (_STATUS, [_HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_manager_default": (_STATUS, [_HANDLE, _OUT, _OUT]),
    "hf_manager_reset_default": (None, []),
    "hf_manager_free": (None, [_HANDLE]),
    "hf_manager_type": (_TEXT, [_HANDLE]),
    "hf_store_secret": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_get_secret": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_update_secret": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _HANDLE, _OUT]),
    "hf_delete_secret": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT]),
    "hf_list_secrets": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_free_string": (None, [_HANDLE]),
    "hf_metadata_new": (_HANDLE, []),
    "hf_metadata_set": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_metadata_free": (None, [_HANDLE]),
    "hf_string_list_len": (ctypes.c_size_t, [_HANDLE]),
    "hf_string_list_get": (_TEXT, [_HANDLE, ctypes.c_size_t]),
    "hf_string_list_free": (None, [_HANDLE]),
    "hf_error_message": (_TEXT, [_HANDLE]),
    "hf_error_http_status": (ctypes.c_int32, [_HANDLE]),
    "hf_error_free": (None, [_HANDLE]),
    "hf_status_name": (_TEXT, [_STATUS]),
}


def _load():
    library = ctypes.CDLL(os.environ.get("HANDSFREE_SECRETS_LIBRARY") or "libhandsfree_secrets.so.0")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


class VaultError(Exception):
    """A failed call: the message, the status such as "HF_ERR_TIMEOUT", and the HTTP status (0: no answer involved)."""

    def __init__(self, message, status, http_status):
        super().__init__(message)
        self.status = status
        self.http_status = http_status


def _checked(status, error):
    """The status, if it is HF_OK or HF_NOT_FOUND; raises what it stands for otherwise. Frees the error."""
    if not error:
        return status
    message = _library.hf_error_message(error).decode()
    http_status = _library.hf_error_http_status(error)
    _library.hf_error_free(error)
    # A configuration that the server refuses (no such mount) is Vault's word, one that misses something is not.
    callers = status in (HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE)
    if callers or (status == HF_ERR_CONFIG and http_status == 0):
        raise ValueError(message)
    raise VaultError(message, _library.hf_status_name(status).decode(), http_status)


def _call(function, *arguments):
    """Calls a function whose last parameter is an hf_error **."""
    error = ctypes.c_void_p()
    return _checked(function(*arguments, ctypes.byref(error)), error)


def _encoded(name, text):
    """A text as C reads it; a NUL would cut it short unnoticed."""
    encoded = text.encode()
    if b"\0" in encoded:
        raise ValueError(f"{name} holds U+0000, which this library cannot carry")
    return encoded


def _take_string(pointer):
    """The text at a pointer that hf_free_string has to free; None for NULL."""
    try:
        return ctypes.string_at(pointer.value).decode() if pointer else None
    finally:
        _library.hf_free_string(pointer)


class _Metadata:
    """An hf_metadata for the length of a call; NULL, which keeps what is there, for None."""

    def __init__(self, entries):
        self.entries = entries
        self.handle = None

    def __enter__(self):
        if self.entries is None:
            return None
        self.handle = _library.hf_metadata_new()
        try:
            for key, value in self.entries.items():
                _call(_library.hf_metadata_set, self.handle, _encoded("metadata", key), _encoded("metadata", value))
        except BaseException:
            self.__exit__()
            raise
        return self.handle

    def __exit__(self, *_):
        _library.hf_metadata_free(self.handle)


class SecretManager(abc.ABC):
    """A store of secrets."""

    @abc.abstractmethod
    def store_secret(self, key, value, metadata=None):
        """Stores value under key, replacing what was there, and returns the reference to get it back with."""

    @abc.abstractmethod
    def get_secret(self, reference):
        """Returns the secret behind reference, or None."""

    @abc.abstractmethod
    def update_secret(self, reference, value, metadata=None):
        """Replaces the secret behind reference. False if there is none. Metadata None keeps, {} removes them."""

    @abc.abstractmethod
    def delete_secret(self, reference):
        """Deletes the secret behind reference with all its versions. False if there is none."""

    @abc.abstractmethod
    def list_secrets(self, prefix=None):
        """Returns the references of all secrets, or of those whose path starts with prefix, sorted."""


class _LibraryManager(SecretManager):
    """The five operations on an hf_manager, which is freed with this object."""

    _handle = None

    def _open(self, options):
        handle = ctypes.c_void_p()
        c_options = _library.hf_options_new()
        try:
            for name, value in options.items():
                if value is not None:
                    _call(_library.hf_options_set, c_options, name.encode(), _encoded(name, value))
            _call(_library.hf_manager_open, c_options, None, ctypes.byref(handle))
        finally:
            _library.hf_options_free(c_options)
        self._handle = handle

    def __del__(self):
        if self._handle:
            _library.hf_manager_free(self._handle)

    @property
    def type(self):
        """ "env" or "vault"."""
        return _library.hf_manager_type(self._handle).decode()

    def store_secret(self, key, value, metadata=None):
        reference = ctypes.c_void_p()
        with _Metadata(metadata) as c_metadata:
            _call(_library.hf_store_secret, self._handle, _encoded("key", key), _encoded("value", value), c_metadata,
                  None, ctypes.byref(reference))
        return _take_string(reference)

    def get_secret(self, reference):
        value, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = _library.hf_get_secret(self._handle, _encoded("reference", reference), None, ctypes.byref(value),
                                        ctypes.byref(error))
        if status == HF_ERR_INVALID_REFERENCE:
            _library.hf_error_free(error)
            return None
        _checked(status, error)
        return _take_string(value)

    def update_secret(self, reference, value, metadata=None):
        error = ctypes.c_void_p()
        with _Metadata(metadata) as c_metadata:
            status = _library.hf_update_secret(self._handle, _encoded("reference", reference),
                                               _encoded("value", value), c_metadata, None, ctypes.byref(error))
        return _done(status, error)

    def delete_secret(self, reference):
        error = ctypes.c_void_p()
        status = _library.hf_delete_secret(self._handle, _encoded("reference", reference), None, ctypes.byref(error))
        return _done(status, error)

    def list_secrets(self, prefix=None):
        references = ctypes.c_void_p()
        _call(_library.hf_list_secrets, self._handle, None if prefix is None else _encoded("prefix", prefix), None,
              ctypes.byref(references))
        try:
            count = _library.hf_string_list_len(references)
            return [_library.hf_string_list_get(references, index).decode() for index in range(count)]
        finally:
            _library.hf_string_list_free(references)


def _done(status, error):
    """Whether there was something to change."""
    if status == HF_ERR_INVALID_REFERENCE:
        _library.hf_error_free(error)
        return False
    return _checked(status, error) == HF_OK


class EnvSecretManager(_LibraryManager):
    """Secrets in environment variables. What is stored stays in the memory of this process."""

    def __init__(self):
        self._open({"SECRET_MANAGER_TYPE": "env"})


class VaultSecretManager(_LibraryManager):
    """Secrets in HashiCorp Vault. What is not given comes from the environment: VAULT_ADDR and so on."""

    def __init__(self, vault_addr=None, vault_token=None, vault_role_id=None, vault_secret_id=None, vault_mount=None,
                 vault_namespace=None):
        self._open({"SECRET_MANAGER_TYPE": "vault", "VAULT_ADDR": vault_addr, "VAULT_TOKEN": vault_token,
                    "VAULT_ROLE_ID": vault_role_id, "VAULT_SECRET_ID": vault_secret_id, "VAULT_MOUNT": vault_mount,
                    "VAULT_NAMESPACE": vault_namespace})


class _DefaultManager(_LibraryManager):
    """A reference to the library's own default manager."""

    def __init__(self):
        handle = ctypes.c_void_p()
        _call(_library.hf_manager_default, None, ctypes.byref(handle))
        self._handle = handle


_default = None
_default_lock = threading.Lock()


def get_default_secret_manager():
    """The manager that the environment describes (SECRET_MANAGER_TYPE), one for the whole process, C code included."""
    global _default
    with _default_lock:
        if _default is None:
            _default = _DefaultManager()
        return _default


def reset_default_secret_manager():
    """Makes the next get_default_secret_manager open a new one. What is in use goes on."""
    global _default
    with _default_lock:
        _default = None
        _library.hf_manager_reset_default()
