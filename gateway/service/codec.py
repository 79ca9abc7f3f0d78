"""The engine's codec: events as messages of the contract."""

from gateway.domain.events import Event
from gateway.journal.record import Record
from gateway.service.encode import decode_event, encode_event, record_of

__all__ = ["ContractCodec"]


class ContractCodec:
    """Encodes events once, when they are journalled, as clients will receive them."""

    def encode(self, event: Event, context: str) -> Record:
        """The event as the journal keeps it; `context` is that of its call, or ""."""
        return record_of(event, encode_event(event), context)

    def decode(self, record: Record) -> Event:
        """The event again."""
        return decode_event(record.payload)
