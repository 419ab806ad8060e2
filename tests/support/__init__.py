"""Builders, oracles and real services for the tests."""
