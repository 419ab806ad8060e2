"""Long proofs by fault injection: see docs/campaigns.md."""
