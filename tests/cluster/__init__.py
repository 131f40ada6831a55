"""Cluster mode on real Kafka, Cassandra and zone stores."""
