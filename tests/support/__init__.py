"""What the suites share: running stacks and what to ask of them."""
