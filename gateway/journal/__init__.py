"""The journal: every event, durable before it is acked, in order, until compaction says otherwise."""
