"""What is known of models in service: which one serves, and whether it still deserves trust.

It needs no machine-learning library, so the API may use it.
"""
