"""Programs of other people's clients, one file each: they move data, check it, and print its version.

tests/s3/test_other_clients.py runs them, in the environments that scripts/install-test-clients makes.
"""
