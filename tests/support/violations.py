"""What a check has to say about a request."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from gateway.domain.errors import InvalidRequest

_Request = TypeVar("_Request")


def violations(check: Callable[[_Request], object], request: _Request) -> dict[str, str]:
    """The wrong fields of a request and what is said of each; the request must be refused."""
    with pytest.raises(InvalidRequest) as caught:
        check(request)
    found = {violation.field: violation.description for violation in caught.value.violations}
    assert len(found) == len(caught.value.violations), "a field is listed twice"
    return found
