"""Credentials with an end, and sources of credentials that are always valid."""

import ctypes
from typing import Any, NoReturn, Optional

from ._calls import CURRENT, call
from ._library import HF_OK, library
from .document import Document


class Lease:
    """One set of credentials, such as a database user, with the time that they live. Any number of threads may use it at
    once. repr does not show it."""

    def __init__(self, handle: Optional[int]) -> None:
        """For the package: takes ownership of an hf_lease."""
        self._handle = handle

    def __del__(self) -> None:
        library.hf_lease_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a lease cannot be copied or pickled")

    def __getitem__(self, name: str) -> Any:
        """A field of the credentials, such as lease["password"]."""
        return self.fields[name]

    @property
    def fields(self) -> Document:
        """The credentials."""
        return Document(library.hf_document_ref(library.hf_lease_fields(self._handle)))

    @property
    def id(self) -> str:
        """The id of the lease at the server; "" if there is none."""
        text: bytes = library.hf_lease_id(self._handle)
        return text.decode()

    @property
    def remaining(self) -> Optional[float]:
        """How many seconds the credentials are valid from now on, 0 if they are over; None if they have no end. Renewals
        extend it in all leases of the same generation. A pool closes a connection before this is over."""
        left: int = library.hf_lease_remaining_ms(self._handle)
        return None if left < 0 else left / 1000

    @property
    def generation(self) -> int:
        """The number of the generation of Credentials: another number, other credentials. 0 for a lease of its own."""
        number: int = library.hf_lease_generation(self._handle)
        return number

    def renew(self) -> bool:
        """Renews a lease of its own for the time of its role. False if the server does not know it any more."""
        return call(library.hf_lease_renew, self._handle, CURRENT) == HF_OK

    def revoke(self) -> None:
        """Revokes a lease of its own: its credentials are of no use any more. The default policy does not allow it."""
        call(library.hf_lease_revoke, self._handle, CURRENT)


class Credentials:
    """A source of credentials that are always valid. A program asks for them whenever it opens a connection. Any number of
    threads may use it at once; it keeps its manager open."""

    def __init__(self, handle: Optional[int]) -> None:
        """For the package: takes ownership of an hf_credentials."""
        self._handle = handle

    def __del__(self) -> None:
        library.hf_credentials_free(self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials cannot be copied or pickled")

    def get(self) -> Optional[Lease]:
        """Returns credentials that are valid, renewed or replaced if that is due. Most calls send nothing. None if there is
        nothing at the path any more."""
        lease = ctypes.c_void_p()
        if call(library.hf_credentials_get, self._handle, CURRENT, ctypes.byref(lease)) != HF_OK:
            return None
        return Lease(lease.value)

    def refused(self, lease: Lease) -> None:
        """Reports that the credentials of a lease were not accepted. The next get replaces them, but no more than once in
        half of their time. The lease of an earlier generation has no effect."""
        call(library.hf_credentials_refused, self._handle, lease._handle)

    def revoke(self) -> None:
        """Revokes the leases of every generation that is alive. The next get makes other ones. The default policy does not
        allow it."""
        call(library.hf_credentials_revoke, self._handle, CURRENT)
