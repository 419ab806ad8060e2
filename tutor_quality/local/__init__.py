"""The embedded stack of `make run`: Kafka, Postgres and our own processes under one supervisor."""
