"""Exact reschedule rates, risk and predictions: the core and the parts that all programs share."""
