"""Prints a form for an upload that works for one second: `python -m tests.e2e.short_form KEY TYPE BYTES SHA256`.

Made by the code that makes all forms, in the environment of the deployed functions.
"""

import json
import sys
from dataclasses import asdict

from chalicelib.aws.objects import Objects
from chalicelib.aws.settings import settings

if __name__ == "__main__":
    key, content_type, size_bytes, sha256 = sys.argv[1:]
    form = Objects(settings().uploads_bucket).upload_form(
        key, content_type=content_type, size_bytes=int(size_bytes), sha256_hex=sha256, seconds=1
    )
    print(json.dumps(asdict(form)))
