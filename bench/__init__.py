"""The benchmark: one load generator (wrk) against Strandline and MinIO in turn, on the same machine.

Run by `make bench` and `make bench-growth`; the method and what it found stand in docs/design/performance.md.
Imports nothing of the product: it drives real server processes over HTTP, as any client would.
Only `bench.filling` does, which stores objects by the million before a server starts.
"""
