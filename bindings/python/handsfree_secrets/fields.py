"""The fields of a document that is to be written."""

import contextlib
import enum
import json
from typing import Any, Iterator, List, Mapping, Optional, Union

from ._calls import call, encoded
from ._library import library


class Removal(enum.Enum):
    """The type of REMOVED."""

    REMOVED = "REMOVED"


REMOVED = Removal.REMOVED
"""In place of a value: update_document deletes the field, store_document does not send it."""

FieldValue = Union[str, bytes, bytearray, int, float, bool, None, Mapping[str, Any], List[Any], Removal]
"""A text; bytes, which are stored as base64; a number, a boolean, None, a dict or a list, which are stored as JSON."""


@contextlib.contextmanager
def c_fields(fields: Mapping[str, FieldValue]) -> Iterator[int]:
    """An hf_fields for the duration of a call."""
    handle: int = library.hf_fields_new()
    try:
        for name, value in fields.items():
            _set(handle, encoded("field name", name), value)
        yield handle
    finally:
        library.hf_fields_free(handle)


@contextlib.contextmanager
def c_parameters(parameters: Optional[Mapping[str, FieldValue]]) -> Iterator[Optional[int]]:
    """An hf_fields for the duration of a call; NULL for None."""
    if parameters is None:
        yield None
        return
    with c_fields(parameters) as handle:
        yield handle


def _set(handle: int, name: bytes, value: FieldValue) -> None:
    if isinstance(value, Removal):
        call(library.hf_fields_remove, handle, name)
    elif isinstance(value, (bytes, bytearray)):
        call(library.hf_fields_set_bytes, handle, name, bytes(value), len(value))
    elif isinstance(value, str) and "\0" not in value:
        call(library.hf_fields_set, handle, name, value.encode())
    else:
        # JSON escapes U+0000, which a text for C cannot contain.
        text = json.dumps(dict(value) if isinstance(value, Mapping) else value, allow_nan=False)
        call(library.hf_fields_set_json, handle, name, text.encode())
