"""One botocore session per process and one client per service: they are thread-safe, and slow to make."""

from functools import cache
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config

from chalicelib.aws.settings import region

_making = Lock()
#: SDK attempts per call. Our own loop (`aws.tables.transact`) only adds attempts for contended transactions, which the
#: SDK never retries, so no failure is retried by both layers.
SDK_ATTEMPTS = 3
CONNECT_SECONDS = 2
READ_SECONDS = 8


@cache
def botocore_session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """The process's client for that AWS service. S3 uses path-style addresses, which work with every bucket name."""
    config = Config(
        region_name=region(),
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=40,
        retries={"mode": "standard", "total_max_attempts": SDK_ATTEMPTS},
        s3={"addressing_style": "path"},
        signature_version="s3v4" if service == "s3" else None,
    )
    with _making:
        return botocore_session().create_client(service, config=config)
