"""What operators do by command: look at dead letters, resume partitions, rebuild the read model."""
