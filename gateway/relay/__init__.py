"""The RELAY client: frames, a sans-I/O protocol, a WebSocket connection and the session that keeps it."""
