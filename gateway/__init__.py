"""callstream: a gRPC gateway for SignalWire RELAY call streaming."""

__version__ = "0.1.0"
