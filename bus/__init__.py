"""The log: the port (`contract`) and its engines. Imports only `schemas` and `disk`."""
