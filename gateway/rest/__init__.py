"""The REST API: JSON over HTTP on the API port, beside health checks and metrics.

The same operations underneath as the S3 port, for people and programs that have no S3 client. `app` makes
the application; each other file holds one group of routes or one concern.
"""
