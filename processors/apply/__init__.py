"""apply: the pure function from the log to the index. No clock, no I/O, no randomness.

    apply(event, key state, bucket epoch, seq, commit time) -> Decision

The same log gives the same index on every engine, in every mode.
"""
