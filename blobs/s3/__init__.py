"""Stored bytes in zones: the engine of `blobs.contract` for a cluster, over S3-compatible endpoints.

Imports `blobs` and `schemas`, and the packages `minio` and `urllib3`. The composition root names its
`endpoint` and `store` alone. Layout, order of requests and what each failure does: docs/design/zones.md.
"""
