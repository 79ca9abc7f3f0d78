"""A RELAY server for laptops, tests and demos: its own state machine, faults and real audio."""
