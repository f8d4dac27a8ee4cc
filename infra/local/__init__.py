"""The laptop: an AWS emulator, the deployed functions and an HTTP front, run and kept alive by one supervisor."""
