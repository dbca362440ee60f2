"""What leaves the house after a decision: webhooks that hear of it, and mail that says how many comments wait."""
