"""The AWS emulator as one process: MiniStack behind a gate, with state that survives `kill -9`."""
