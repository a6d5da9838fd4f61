"""Loads the C library and declares the prototypes of its functions."""

import ctypes
import os
import sys

HF_OK, HF_NOT_FOUND, HF_PENDING = 0, 1, 2
HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE, HF_ERR_CONFIG = -1, -2, -3

_OUT = ctypes.POINTER(ctypes.c_void_p)
_HANDLE, _TEXT, _STATUS = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
_INT = ctypes.c_int
_INT32, _INT64, _SIZE = ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t
_OUT_INT32, _OUT_INT64, _OUT_SIZE = ctypes.POINTER(_INT32), ctypes.POINTER(_INT64), ctypes.POINTER(_SIZE)
_TEXTS, _NUMBERS = ctypes.POINTER(_TEXT), ctypes.POINTER(_INT64)
_HANDLES, _SIZES = ctypes.POINTER(_HANDLE), ctypes.POINTER(_SIZE)

# Objects of the library are c_void_p: ctypes would convert a c_char_p result to bytes and lose the pointer that has to
# be freed. So are texts that come with their length, because such a conversion ends at the first NUL.
_SIGNATURES = {
    "hf_status_name": (_TEXT, [_STATUS]),
    "hf_error_status": (_STATUS, [_HANDLE]),
    "hf_error_message": (_TEXT, [_HANDLE]),
    "hf_error_http_status": (_INT32, [_HANDLE]),
    "hf_error_free": (None, [_HANDLE]),
    "hf_free_string": (None, [_HANDLE]),

    "hf_options_new": (_HANDLE, []),
    "hf_options_set": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_options_free": (None, [_HANDLE]),
    "hf_manager_open": (_STATUS, [_HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_manager_default": (_STATUS, [_HANDLE, _OUT, _OUT]),
    "hf_manager_reset_default": (None, []),
    "hf_manager_check": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "hf_manager_cache_clear": (_STATUS, [_HANDLE, _TEXT, _OUT]),
    "hf_manager_metrics": (_STATUS, [_HANDLE, _OUT, _OUT]),
    "hf_manager_warm": (_STATUS, [_HANDLE, _INT32, _HANDLE, _OUT]),
    "hf_manager_free": (None, [_HANDLE]),
    "hf_manager_type": (_TEXT, [_HANDLE]),

    "hf_call_new": (_HANDLE, []),
    "hf_call_copy": (_HANDLE, [_HANDLE]),
    "hf_call_set_max_age_ms": (_STATUS, [_HANDLE, _INT64, _OUT]),
    "hf_call_set_trace_parent": (_STATUS, [_HANDLE, _TEXT, _OUT]),
    "hf_call_set_timeout_ms": (_STATUS, [_HANDLE, _INT64, _OUT]),
    "hf_call_set_cas": (_STATUS, [_HANDLE, _INT64, _OUT]),
    "hf_call_set_wrap_ttl_ms": (_STATUS, [_HANDLE, _INT64, _OUT]),
    "hf_call_free": (None, [_HANDLE]),
    "hf_call_set_queue": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _OUT]),
    "hf_call_abandon": (None, [_HANDLE]),
    "hf_queue_new": (_STATUS, [_INT32, _OUT, _OUT]),
    "hf_queue_fd": (_INT, [_HANDLE]),
    "hf_queue_next": (_STATUS, [_HANDLE, _INT64, _OUT_SIZE, _OUT_INT32, _OUT]),
    "hf_queue_close": (None, [_HANDLE]),
    "hf_queue_free": (None, [_HANDLE]),

    "hf_store_secret": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_get_secret": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_update_secret": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _HANDLE, _OUT]),
    "hf_delete_secret": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT]),
    "hf_list_secrets": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),

    "hf_metadata_new": (_HANDLE, []),
    "hf_metadata_set": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_metadata_len": (_SIZE, [_HANDLE]),
    "hf_metadata_key": (_TEXT, [_HANDLE, _SIZE]),
    "hf_metadata_value": (_TEXT, [_HANDLE, _SIZE]),
    "hf_metadata_get": (_TEXT, [_HANDLE, _TEXT]),
    "hf_metadata_free": (None, [_HANDLE]),
    "hf_string_list_len": (_SIZE, [_HANDLE]),
    "hf_string_list_get": (_TEXT, [_HANDLE, _SIZE]),
    "hf_string_list_free": (None, [_HANDLE]),
    "hf_bytes_data": (_HANDLE, [_HANDLE]),
    "hf_bytes_len": (_SIZE, [_HANDLE]),
    "hf_bytes_free": (None, [_HANDLE]),

    "hf_fields_new": (_HANDLE, []),
    "hf_fields_set": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_fields_set_json": (_STATUS, [_HANDLE, _TEXT, _TEXT, _OUT]),
    "hf_fields_set_bytes": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _SIZE, _OUT]),
    "hf_fields_set_object": (_STATUS, [_HANDLE, _TEXT, _OUT]),
    "hf_fields_remove": (_STATUS, [_HANDLE, _TEXT, _OUT]),
    "hf_fields_free": (None, [_HANDLE]),

    "hf_get_document": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_get_documents": (_STATUS, [_HANDLE, _TEXTS, _SIZE, _HANDLE, _OUT, _OUT]),
    "hf_store_document": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _HANDLE, _OUT, _OUT_INT64, _OUT]),
    "hf_update_document": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _HANDLE, _OUT_INT64, _OUT]),
    "hf_document_len": (_SIZE, [_HANDLE]),
    "hf_document_name": (_TEXT, [_HANDLE, _SIZE]),
    "hf_document_kind": (_INT32, [_HANDLE, _TEXT]),
    "hf_document_text": (_HANDLE, [_HANDLE, _TEXT, _OUT_SIZE]),
    "hf_document_json": (_HANDLE, [_HANDLE, _TEXT, _OUT_SIZE]),
    "hf_document_bytes": (_STATUS, [_HANDLE, _TEXT, _OUT, _OUT]),
    "hf_document_metadata": (_HANDLE, [_HANDLE]),
    "hf_document_version": (_INT64, [_HANDLE]),
    "hf_document_created": (_TEXT, [_HANDLE]),
    "hf_document_age_ms": (_INT64, [_HANDLE]),
    "hf_document_ref": (_HANDLE, [_HANDLE]),
    "hf_document_free": (None, [_HANDLE]),
    "hf_results_len": (_SIZE, [_HANDLE]),
    "hf_results_status": (_STATUS, [_HANDLE, _SIZE]),
    "hf_results_document": (_HANDLE, [_HANDLE, _SIZE]),
    "hf_results_bytes": (_HANDLE, [_HANDLE, _SIZE, _OUT_SIZE]),
    "hf_results_error": (_HANDLE, [_HANDLE, _SIZE]),
    "hf_results_free": (None, [_HANDLE]),

    "hf_list_versions": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_versions_len": (_SIZE, [_HANDLE]),
    "hf_versions_number": (_INT64, [_HANDLE, _SIZE]),
    "hf_versions_state": (_INT32, [_HANDLE, _SIZE]),
    "hf_versions_created": (_TEXT, [_HANDLE, _SIZE]),
    "hf_versions_deletion": (_TEXT, [_HANDLE, _SIZE]),
    "hf_versions_custom_metadata": (_HANDLE, [_HANDLE]),
    "hf_versions_free": (None, [_HANDLE]),
    "hf_delete_versions": (_STATUS, [_HANDLE, _TEXT, _NUMBERS, _SIZE, _HANDLE, _OUT]),
    "hf_undelete_versions": (_STATUS, [_HANDLE, _TEXT, _NUMBERS, _SIZE, _HANDLE, _OUT]),
    "hf_destroy_versions": (_STATUS, [_HANDLE, _TEXT, _NUMBERS, _SIZE, _HANDLE, _OUT]),
    "hf_rollback_secret": (_STATUS, [_HANDLE, _TEXT, _INT64, _HANDLE, _OUT_INT64, _OUT]),
    "hf_set_custom_metadata": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _OUT]),
    "hf_rotate_secret": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _OUT, _OUT_INT64, _OUT]),

    "hf_watch_new": (_STATUS, [_HANDLE, _OUT, _OUT]),
    "hf_watch_add": (_STATUS, [_HANDLE, _TEXT, _INT64, _OUT]),
    "hf_watch_remove": (_STATUS, [_HANDLE, _TEXT, _OUT]),
    "hf_watch_next": (_STATUS, [_HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_watch_free": (None, [_HANDLE]),
    "hf_change_reference": (_TEXT, [_HANDLE]),
    "hf_change_kind": (_INT32, [_HANDLE]),
    "hf_change_version": (_INT64, [_HANDLE]),
    "hf_change_error": (_HANDLE, [_HANDLE]),
    "hf_change_free": (None, [_HANDLE]),

    "hf_request": (_STATUS, [_HANDLE, _TEXT, _TEXT, _TEXT, _HANDLE, _OUT_INT32, _OUT, _OUT]),
    "hf_unwrap": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),

    "hf_lease_open": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_lease_fields": (_HANDLE, [_HANDLE]),
    "hf_lease_id": (_TEXT, [_HANDLE]),
    "hf_lease_remaining_ms": (_INT64, [_HANDLE]),
    "hf_lease_generation": (ctypes.c_uint64, [_HANDLE]),
    "hf_lease_renew": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "hf_lease_revoke": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "hf_lease_free": (None, [_HANDLE]),
    "hf_credentials_open": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_credentials_get": (_STATUS, [_HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_credentials_refused": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "hf_credentials_revoke": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "hf_credentials_free": (None, [_HANDLE]),
    "hf_manager_maintain": (_STATUS, [_HANDLE, _HANDLE, _OUT_INT64, _OUT]),

    "hf_transit_open": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _OUT, _OUT]),
    "hf_transit_free": (None, [_HANDLE]),
    "hf_transit_encrypt": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_transit_decrypt": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_transit_rewrap": (_STATUS, [_HANDLE, _TEXT, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_transit_sign": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_transit_verify": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _TEXT, _HANDLE, _HANDLE, _OUT]),
    "hf_transit_hmac": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_transit_data_key": (_STATUS, [_HANDLE, _HANDLE, _HANDLE, _OUT, _OUT, _OUT]),
    "hf_transit_encrypt_many": (_STATUS, [_HANDLE, _TEXTS, _SIZES, _SIZE, _HANDLE, _HANDLES, _HANDLE, _OUT, _OUT]),
    "hf_transit_decrypt_many": (_STATUS, [_HANDLE, _TEXTS, _SIZE, _HANDLE, _HANDLES, _HANDLE, _OUT, _OUT]),
    "hf_transit_rewrap_many": (_STATUS, [_HANDLE, _TEXTS, _SIZE, _HANDLE, _HANDLES, _HANDLE, _OUT, _OUT]),

    "hf_envelope_encrypt": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_decrypt": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_encryptor": (_STATUS, [_HANDLE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_decryptor": (_STATUS, [_HANDLE, _HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_update": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_finish": (_STATUS, [_HANDLE, _HANDLE, _OUT, _OUT]),
    "hf_envelope_free": (None, [_HANDLE]),
    "hf_envelope_encrypt_fd": (_STATUS, [_HANDLE, _INT, _INT, _HANDLE, _HANDLE, _OUT]),
    "hf_envelope_decrypt_fd": (_STATUS, [_HANDLE, _INT, _INT, _HANDLE, _HANDLE, _OUT]),
    "hf_envelope_rewrap": (_STATUS, [_HANDLE, _HANDLE, _SIZE, _HANDLE, _OUT, _OUT]),
}


def _path() -> str:
    """The library that the environment names, else the one that is installed with this package, else the system's."""
    name = "libhandsfree_secrets.0.dylib" if sys.platform == "darwin" else "libhandsfree_secrets.so.0"
    inside = os.path.join(os.path.dirname(__file__), name)
    return os.environ.get("HANDSFREE_SECRETS_LIBRARY") or (inside if os.path.exists(inside) else name)


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(_path())
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _load()
