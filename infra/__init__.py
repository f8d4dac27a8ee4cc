"""The deployment: stack fragments, packaging and the laptop runtime."""
