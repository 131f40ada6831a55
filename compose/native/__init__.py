"""Kafka, Cassandra and zone stores as plain processes on loopback: for tests, benchmarks and a first look.

`python -m compose.native up` starts them. Needs Java 17 and Maven for the first two; MinIO is taken from the
path, or built with Go. What is downloaded is kept in .cache/.
"""
