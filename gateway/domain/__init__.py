"""Calls, streams, events and errors: state tables and values, pure and without I/O."""
