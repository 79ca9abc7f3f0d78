"""Requests about calls."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from callstream.v1 import call_pb2, call_service_pb2
from gateway.domain.calls import CallState, Direction
from gateway.domain.identifiers import random_uuid
from gateway.engine.orders import AnswerCall, DialOrder, EndCall, PassCall
from gateway.service.paging import filters_digest
from gateway.service.validation.checks import Checks
from gateway.service.validation.queries import CallsQuery

__all__ = ["answer_call", "dial", "end_call", "get_call", "list_calls", "pass_call"]

_MAX_GROUPS: Final = 10
_MAX_DEVICES: Final = 10
_MAX_HEADERS: Final = 20
_MAX_HEADER_BYTES: Final = 1024
_MAX_CODECS: Final = 10
_MAX_CODEC_BYTES: Final = 64
_MAX_REGION_BYTES: Final = 64
_MAX_TIMEOUT_S: Final = 600
_MAX_DURATION_MIN: Final = 10_080

_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")  # `token` of RFC 3261

_STATES: Final = {state.value: state for state in CallState}
_DIRECTIONS: Final = {direction.value: direction for direction in Direction}
# RELAY's words by the numbers of EndCallReason.
_REASONS: Final = {0: "hangup", 1: "hangup", 2: "cancel", 3: "busy", 4: "noAnswer", 5: "decline", 6: "error"}


def dial(request: call_service_pb2.DialRequest) -> DialOrder:
    """The order to call somebody, with devices as RELAY writes them; a tag is made up if none is given.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    price = request.max_price_per_minute
    if not (math.isfinite(price) and price >= 0):
        checks.wrong("max_price_per_minute", "must be a finite number of US dollars from 0 on")
    order = DialOrder(
        tag=checks.visible("tag", request.tag) or random_uuid(),
        devices=_groups(checks, request.groups),
        region=checks.text("region", request.region, _MAX_REGION_BYTES),
        max_price_per_minute=price,
        max_duration_minutes=checks.number("max_duration_minutes", request.max_duration_minutes, _MAX_DURATION_MIN),
    )
    checks.finish()
    return order


def _groups(checks: Checks, groups: Sequence[call_service_pb2.DeviceGroup]) -> list[list[Mapping[str, Any]]]:
    if not 1 <= len(groups) <= _MAX_GROUPS:
        checks.wrong("groups", f"must have 1 to {_MAX_GROUPS} groups")
        return []
    return [_devices(checks, f"groups[{index}].devices", group.devices) for index, group in enumerate(groups)]


def _devices(checks: Checks, field: str, devices: Sequence[call_pb2.Device]) -> list[Mapping[str, Any]]:
    if not 1 <= len(devices) <= _MAX_DEVICES:
        checks.wrong(field, f"must have 1 to {_MAX_DEVICES} devices")
        return []
    return [_device(checks, f"{field}[{index}]", device) for index, device in enumerate(devices)]


def _device(checks: Checks, field: str, device: call_pb2.Device) -> Mapping[str, Any]:
    match device.WhichOneof("kind"):
        case "phone":
            return {"type": "phone", "params": _phone(checks, f"{field}.phone", device.phone)}
        case "sip":
            return {"type": "sip", "params": _sip(checks, f"{field}.sip", device.sip)}
        case "other":
            checks.wrong(f"{field}.other", "can't be dialled: use phone or sip")
        case _:
            checks.wrong(field, "is required: set phone or sip")
    return {}


def _phone(checks: Checks, field: str, phone: call_pb2.PhoneDevice) -> Mapping[str, Any]:
    params: dict[str, Any] = {
        "from_number": _e164(checks, f"{field}.from_number", phone.from_number),
        "to_number": _e164(checks, f"{field}.to_number", phone.to_number),
    }
    if checks.number(f"{field}.timeout_seconds", phone.timeout_seconds, _MAX_TIMEOUT_S):
        params["timeout"] = phone.timeout_seconds
    if checks.number(f"{field}.max_duration_minutes", phone.max_duration_minutes, _MAX_DURATION_MIN):
        params["max_duration"] = phone.max_duration_minutes
    return params


def _e164(checks: Checks, field: str, number: str) -> str:
    if not number:
        checks.wrong(field, "is required")
    elif not _E164.fullmatch(number):
        checks.wrong(field, "must be in E.164 form, like +15551230001")
    return number


def _sip(checks: Checks, field: str, sip: call_pb2.SipDevice) -> Mapping[str, Any]:
    params: dict[str, Any] = {
        "from": checks.required_text(f"{field}.from_address", sip.from_address),
        "to": checks.required_text(f"{field}.to_address", sip.to_address),
    }
    if len(sip.headers) > _MAX_HEADERS:
        checks.wrong(f"{field}.headers", f"has too many items: use at most {_MAX_HEADERS}")
    elif sip.headers:
        params["headers"] = [
            _header(checks, f"{field}.headers[{index}]", header) for index, header in enumerate(sip.headers)
        ]
    if codecs := _codecs(checks, f"{field}.codecs", sip.codecs):
        params["codecs"] = list(codecs)
    return params


def _header(checks: Checks, field: str, header: call_pb2.SipHeader) -> Mapping[str, str]:
    if not _HEADER_NAME.fullmatch(header.name):
        checks.wrong(f"{field}.name", "is no name of a SIP header: use letters, digits and -.!%*_+`'~")
    else:
        checks.text(f"{field}.name", header.name)
    checks.text(f"{field}.value", header.value, _MAX_HEADER_BYTES)  # no line ends: they would begin another header
    return {"name": header.name, "value": header.value}


def _codecs(checks: Checks, field: str, codecs: Sequence[str]) -> tuple[str, ...]:
    def check(path: str, codec: str) -> None:
        checks.text(path, codec, _MAX_CODEC_BYTES, required=True)

    return checks.texts(field, codecs, _MAX_CODECS, check)


def answer_call(request: call_service_pb2.AnswerCallRequest) -> AnswerCall:
    """The order to answer a call.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    order = AnswerCall(
        call_id=checks.required_text("call_id", request.call_id),
        node_id=checks.text("node_id", request.node_id),
        codecs=_codecs(checks, "codecs", request.codecs),
    )
    checks.finish()
    return order


def end_call(request: call_service_pb2.EndCallRequest) -> EndCall:
    """The order to hang up.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    order = EndCall(
        call_id=checks.required_text("call_id", request.call_id),
        node_id=checks.text("node_id", request.node_id),
        reason=checks.choice("reason", request.reason, _REASONS),
    )
    checks.finish()
    return order


def pass_call(request: call_service_pb2.PassCallRequest) -> PassCall:
    """The order to decline a call.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    order = PassCall(
        call_id=checks.required_text("call_id", request.call_id), node_id=checks.text("node_id", request.node_id)
    )
    checks.finish()
    return order


def get_call(request: call_service_pb2.GetCallRequest) -> str:
    """The id of the call that is asked for.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    call_id = checks.required_text("call_id", request.call_id)
    checks.finish()
    return call_id


def list_calls(request: call_service_pb2.ListCallsRequest) -> CallsQuery:
    """Which calls to list.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    states = checks.choices("states", request.states, _STATES)
    direction = checks.choice("direction", request.direction, _DIRECTIONS)
    context = checks.text("context", request.context)
    tag = checks.text("tag", request.tag)
    filters = filters_digest("calls", sorted(states), direction, context, tag)
    page = checks.page(request.page_size, request.page_token, filters)
    checks.finish()
    return CallsQuery(page, states, direction, context, tag)
