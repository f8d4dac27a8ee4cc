"""The version of Stripe's API that the pinned `stripe` package speaks, and so do we."""

from stripe import api_version

API_VERSION: str = api_version
