"""What leaves after a decision, and those who get it: small servers on this machine."""
