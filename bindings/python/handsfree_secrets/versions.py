"""The versions of a secret, and the result of a rotation."""

import ctypes
import dataclasses
import enum
from typing import Dict, List

from ._calls import metadata_of
from ._library import library


class VersionState(enum.IntEnum):
    """Whether a version can be read."""

    LIVE = 1
    DELETED = 2
    """It can be undeleted."""
    DESTROYED = 3
    """Its content is gone for good."""


@dataclasses.dataclass(frozen=True)
class Version:
    """One version. The times are RFC 3339; deletion is when it was, or will be, deleted, and "" otherwise."""

    number: int
    state: VersionState
    created: str
    deletion: str


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of a secret in ascending order, and its custom metadata, which belong to all of them."""

    versions: List[Version]
    custom_metadata: Dict[str, str]


@dataclasses.dataclass(frozen=True)
class Rotation:
    """The new value of a rotated field, which repr does not show, and the number of the new version."""

    value: str = dataclasses.field(repr=False)
    version: int


def take_versions(handle: ctypes.c_void_p) -> Versions:
    """Returns the content of an hf_versions and frees it."""
    try:
        versions = [_version(handle, index) for index in range(library.hf_versions_len(handle))]
        return Versions(versions, metadata_of(library.hf_versions_custom_metadata(handle)))
    finally:
        library.hf_versions_free(handle)


def _version(handle: ctypes.c_void_p, index: int) -> Version:
    return Version(
        library.hf_versions_number(handle, index),
        VersionState(library.hf_versions_state(handle, index)),
        library.hf_versions_created(handle, index).decode(),
        library.hf_versions_deletion(handle, index).decode(),
    )
