"""Configurations of buckets: CORS, tags, policy, lifecycle … One module for each, with its structs.

The structs name their fields as S3 names its elements, in the order in which S3 writes them. Imports nothing
of ours but `schemas`.
"""
