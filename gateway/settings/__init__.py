"""What an operator can set: the settings in groups, their kinds, and where they come from."""
