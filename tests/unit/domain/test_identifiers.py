"""Identifiers that are made up."""

import uuid

from gateway.domain.identifiers import random_hex, random_uuid


def test_uuids() -> None:
    """Version 4 and the variant of RFC 9562, in the usual form, none of them twice."""
    made = [random_uuid() for _ in range(2000)]
    assert len(set(made)) == len(made)
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)


def test_hex() -> None:
    """Twice as many digits as bytes; nothing is handed out twice, also where one pool ends and the next begins."""
    made = [random_hex(12) for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert {len(digits) for digits in made} == {24}
    assert set("".join(made)) == set("0123456789abcdef")
