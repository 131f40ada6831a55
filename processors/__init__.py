"""What lives on the log: the materializer, the auditor, the collector, snapshots, and their runners.

A processor is a plain class with no I/O framework in it; a runner feeds it.
"""
