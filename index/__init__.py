"""The materialized metadata: the port (`contract`) and its engines. Imports only `schemas` and `disk`.

The materializer is the only writer; everything in here can be made anew from the log.
"""
