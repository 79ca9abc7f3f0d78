"""Changes of contexts are whole, and not at odds with themselves."""

import pytest

from callstream.v1.gateway_service_pb2 import UpdateContextsRequest
from gateway.service.validation.contexts import update_contexts
from gateway.service.validation.queries import ContextsUpdate
from tests.support.violations import violations


def test_each_name_once() -> None:
    """Names keep their order, and repetitions are dropped."""
    request = UpdateContextsRequest(add=["b", "a", "b"], remove=["d", "c", "d"])
    assert update_contexts(request) == ContextsUpdate(("b", "a"), ("d", "c"))


def test_nothing_to_change() -> None:
    """An empty change is a way to ask what holds now."""
    assert update_contexts(UpdateContextsRequest()) == ContextsUpdate()


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (UpdateContextsRequest(add=[""]), {"add[0]"}),
        (UpdateContextsRequest(add=["a", "a b"]), {"add[1]"}),
        (UpdateContextsRequest(add=["\u2003"]), {"add[0]"}),
        (UpdateContextsRequest(remove=["a\n"]), {"remove[0]"}),
        (UpdateContextsRequest(remove=["\u00e9" * 65]), {"remove[0]"}),
        (UpdateContextsRequest(add=["a"] * 101), {"add"}),
        (UpdateContextsRequest(remove=["a"] * 101), {"remove"}),
        (UpdateContextsRequest(add=["a", "b"], remove=["c", "b", "a"]), {"remove[1]", "remove[2]"}),
        (UpdateContextsRequest(add=["", "b"], remove=["b", "x y"]), {"add[0]", "remove[0]", "remove[1]"}),
    ],
    ids=lambda value: str(value).replace("\n", " "),
)
def test_wrong(request_: UpdateContextsRequest, fields: set[str]) -> None:
    """Each wrong name has its path."""
    assert set(violations(update_contexts, request_)) == fields
