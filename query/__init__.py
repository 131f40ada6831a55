"""The read path: get, head, list, versions, uploads. Imports `schemas` and the ports; never `ingest`."""
