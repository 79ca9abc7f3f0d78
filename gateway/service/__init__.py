"""The gRPC side: servicers, watches, the status table, interceptors, health and reflection."""
