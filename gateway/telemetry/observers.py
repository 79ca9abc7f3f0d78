"""Several observers of RPCs as one."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import MethodDescriptor

from gateway.service.rpc import Call, Observation, Observer

__all__ = ["Together"]


class Together:
    """An `Observer` that tells others, in their order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """See `Observer.began`."""
        return _Observations([observer.began(method, call) for observer in self._observers])


class _Observations:
    __slots__ = ("_observations",)

    def __init__(self, observations: list[Observation]) -> None:
        self._observations = observations

    def sent(self) -> None:
        for observation in self._observations:
            observation.sent()

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        for observation in self._observations:
            observation.ended(code, reason)
