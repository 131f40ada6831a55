"""Sub-resources of buckets: one module for each configuration, with its validation as AWS documents it.

May import what `gateway` may.
"""
