"""What travels on Kafka: Avro schemas, the topic catalogue, and the codec."""
