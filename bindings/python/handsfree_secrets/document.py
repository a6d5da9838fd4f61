"""Documents: all fields of one version of a secret."""

import ctypes
import dataclasses
import json
from typing import Any, Callable, Dict, Iterator, List, Mapping, NoReturn, Optional

from ._calls import encoded, found, metadata_of, take_bytes
from ._library import library

_STRING = 1
_Bytes = bytes  # The method of this name hides the type.


@dataclasses.dataclass(frozen=True)
class Stored:
    """The reference of a stored document, and the number of its version (0 if there are no versions)."""

    reference: str
    version: int


class Document(Mapping[str, Any]):
    """All fields of one version of a secret, as a mapping from name to value: text for a string, otherwise what
    json.loads returns. Immutable; any number of threads may use it at once.

    A value is copied to a Python object when it is asked for. The library wipes its own copy when the document is
    freed, with the last reference to it. repr shows names and no values.
    """

    def __init__(self, handle: Optional[int]) -> None:
        """For the package: takes ownership of an hf_document."""
        self._handle = handle

    def __del__(self) -> None:
        library.hf_document_free(self._handle)

    @property
    def names(self) -> List[str]:
        """The names of the fields, sorted. "metadata" is one of them like any other."""
        indices = range(library.hf_document_len(self._handle))
        # C cannot return a name with U+0000; json() has it.
        names = (library.hf_document_name(self._handle, index) for index in indices)
        return [name.decode() for name in names if name is not None]

    def text(self, name: str) -> Optional[str]:
        """The text of a field: a string as it is, a number or boolean as its JSON. None for all others."""
        return self._read(library.hf_document_text, encoded("name", name))

    def json(self, name: Optional[str] = None) -> Optional[str]:
        """The JSON of a field, or of the document, to the letter of the server; None if there is no such field."""
        return self._read(library.hf_document_json, None if name is None else encoded("name", name))

    def bytes(self, name: str) -> Optional[_Bytes]:
        """The bytes that were stored in a field. None if there is no such field; VaultError if it is not base64."""
        out = ctypes.c_void_p()
        if not found(library.hf_document_bytes, self._handle, encoded("name", name), ctypes.byref(out)):
            return None
        return take_bytes(out)

    @property
    def metadata(self) -> Dict[str, str]:
        """The metadata that were stored beside the fields; empty if there are none."""
        return metadata_of(library.hf_document_metadata(self._handle))

    @property
    def version(self) -> int:
        """The number of the version; 0 if there are no versions."""
        number: int = library.hf_document_version(self._handle)
        return number

    @property
    def created(self) -> str:
        """When the version was created, in RFC 3339; "" if the server does not tell."""
        time: bytes = library.hf_document_created(self._handle)
        return time.decode()

    @property
    def age_ms(self) -> int:
        """How old the answer of the server is, in milliseconds; 0 if the server answered this call."""
        age: int = library.hf_document_age_ms(self._handle)
        return age

    def __getitem__(self, name: str) -> Any:
        kind = self._kind(name)
        if kind == 0:
            raise KeyError(name)
        text = self.text(name) if kind == _STRING else None
        if text is not None:
            return text
        # Also a string that is not valid Unicode, which has no text.
        value = self.json(name)
        if value is None:
            raise MemoryError
        return json.loads(value)

    def __contains__(self, name: object) -> bool:
        return self._kind(name) != 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"<Document version={self.version} names={self.names}>"

    def __copy__(self) -> "Document":
        return self

    def __deepcopy__(self, memo: Any) -> "Document":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Document cannot be pickled; pickle dict(document)")

    def _kind(self, name: object) -> int:
        if not isinstance(name, str) or "\0" in name:
            return 0
        kind: int = library.hf_document_kind(self._handle, name.encode())
        return kind

    def _read(self, function: Callable[..., Optional[int]], name: Optional[_Bytes]) -> Optional[str]:
        length = ctypes.c_size_t()
        pointer = function(self._handle, name, ctypes.byref(length))
        return None if pointer is None else ctypes.string_at(pointer, length.value).decode()
