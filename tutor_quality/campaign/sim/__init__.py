"""The production code of the score stage on a simulated broker, clock and store.

One seed is one schedule of faults and replays exactly. No event loop runs: the protocol awaits only
its outlet and readers, so its coroutines are driven by hand, and a crash fits between any two of
their effects.
"""
