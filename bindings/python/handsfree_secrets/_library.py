"""Loads the C library and declares the prototypes of its functions."""

import ctypes
import os

HF_OK, HF_NOT_FOUND = 0, 1
HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE, HF_ERR_CONFIG = -1, -2, -3

_OUT = ctypes.POINTER(ctypes.c_void_p)
_HANDLE, _TEXT, _STATUS = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32

# Objects of the library are c_void_p: ctypes would convert a c_char_p result to bytes and lose the pointer that has to
# be freed.
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


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ.get("HANDSFREE_SECRETS_LIBRARY") or "libhandsfree_secrets.so.0")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _load()
