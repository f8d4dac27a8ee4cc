"""What hosted providers have in common: how they are talked to, and what is made of what they send."""
