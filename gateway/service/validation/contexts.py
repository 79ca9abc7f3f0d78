"""Requests about RELAY contexts."""

import re
from typing import Final

from callstream.v1 import gateway_service_pb2
from gateway.service.validation.checks import Checks
from gateway.service.validation.queries import ContextsUpdate

__all__ = ["update_contexts"]

_MAX_CONTEXTS: Final = 100
_MAX_NAME_BYTES: Final = 128
_SPACE: Final = re.compile(r"\s")


def update_contexts(request: gateway_service_pb2.UpdateContextsRequest) -> ContextsUpdate:
    """The contexts to add and to remove, each once, in the order given.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()

    def check(field: str, name: str) -> None:
        if _SPACE.search(name):
            checks.wrong(field, "must have no white space")
        else:
            checks.text(field, name, _MAX_NAME_BYTES, required=True)

    add = checks.texts("add", request.add, _MAX_CONTEXTS, check)
    remove = checks.texts("remove", request.remove, _MAX_CONTEXTS, check)
    for index, name in enumerate(remove):
        if name in add:
            checks.wrong(f"remove[{index}]", "is also to be added: leave it out of one of them")
    checks.finish()
    return ContextsUpdate(tuple(dict.fromkeys(add)), tuple(dict.fromkeys(remove)))
