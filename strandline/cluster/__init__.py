"""The composition root of cluster mode: roles, workers and commands over Kafka, Cassandra and zone stores."""
