"""Generated stubs of the contract: callstream/v1."""
