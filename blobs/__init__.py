"""The bytes: packs, blob files, encryption in frames, references, freeing. Imports only `schemas` and `disk`.

Keys come in through `contract.KeySource`; the index and the log are unknown here.
"""
