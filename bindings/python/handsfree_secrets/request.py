"""The answers of the server to requests that have no function of their own."""

import dataclasses
import json
from typing import Any


@dataclasses.dataclass(frozen=True)
class Response:
    """The HTTP status and the whole body, which repr does not show; it is empty for the status 204."""

    status: int
    body: bytes = dataclasses.field(repr=False)

    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)
