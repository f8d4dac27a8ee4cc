"""multipart/form-data (RFC 7578): pure, and the same bytes for the same job."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a form."""

    filename: str
    content_type: str
    data: bytes


def encode(fields: Mapping[str, str | Part], key: str) -> tuple[str, bytes]:
    """(the Content-Type header, the body). The boundary is derived from `key` and stands in no part."""
    contents = {name: value.data if isinstance(value, Part) else value.encode() for name, value in fields.items()}
    boundary = hashlib.sha256(key.encode()).hexdigest()[:32]
    while any(boundary.encode() in content for content in contents.values()):
        boundary = hashlib.sha256(boundary.encode()).hexdigest()[:32]
    parts = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, Part):
            head += f'; filename="{value.filename}"\r\nContent-Type: {value.content_type}'
        parts.append(head.encode() + b"\r\n\r\n" + contents[name] + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()
