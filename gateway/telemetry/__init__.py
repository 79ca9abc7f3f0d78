"""What operators see of the gateway: metrics, liveness and readiness, traces, a line for each RPC."""
