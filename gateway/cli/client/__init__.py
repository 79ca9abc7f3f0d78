"""A friendly client of the gateway's contract: `callstream call` and `callstream stream`."""
