"""Who may do what: clients, their scopes and limits. Knows nothing of gRPC."""
