"""What gRPC is served on: the listener, its certificates, and the way it ends."""
