"""The main job from the shell, as anybody's own program would do it: over HTTP, with nothing but an API key."""
