"""Private: where secrets must not be."""

import base64
import json
from collections.abc import Iterator

from tests.support.histories import History, Place

__all__ = ["private"]


def private(history: History) -> list[str]:
    """No planted secret is in any log, event, answer or file; what a session is resumed with is in its file only."""
    broken = []
    for place in history.places:
        broken += [f"{what} is in {place.name}" for what, secret in history.secrets.items() if _holds(place, secret)]
        if not place.keeps_session and any(_holds(place, state) for state in history.authorization_states):
            broken.append(f"an authorization state is in {place.name}")
    return broken


def _holds(place: Place, secret: str) -> bool:
    return any(form in place.text for form in _forms(secret))


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be written: as it is, inside JSON, inside JSON inside JSON, as Base64 of its own."""
    yield secret
    inside = json.dumps(secret)[1:-1]
    yield inside
    yield json.dumps(inside)[1:-1]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
