"""The index on Apache Cassandra: many writers, one for each partition of the log, and any number of readers.

`index.CassandraIndex` opens writers and readers, which implement `index.contract`. A batch is first recorded
whole in its partition's journal and then in the rows (`journal`); `sharding` and `shard_keeper` cut buckets
into key ranges. Tables, invariants and costs: `docs/design/cluster.md`.
"""
