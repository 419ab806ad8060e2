"""Measurements that anyone can repeat. Nothing here is a test: figures depend on the machine."""
