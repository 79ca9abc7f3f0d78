"""Joins session, state tables and journal: commands go out, events come in, unknown outcomes are settled."""
