"""The HTTP API: reads Postgres, writes only to Kafka."""
