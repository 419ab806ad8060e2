"""Features of upcoming sessions and matches: one computation for training, serving and backfill."""
