"""Input: mappings of real files, replay, and the simulator."""
