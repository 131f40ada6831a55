"""The write path: bytes into blobs, one event onto the bus, the receipt back.

`producer.Producer` is the public producer API. Imports `schemas` and the ports; never `query`.
"""
