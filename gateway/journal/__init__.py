"""The durable, ordered record of every event, and the only truth about them."""
