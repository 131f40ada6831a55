"""Who you are and what protects the data: identities, SigV4, tokens, the key ring.

Imports only `schemas` and `disk`."""
