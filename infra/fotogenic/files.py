"""Files that an operator hands to a command."""

import json
from pathlib import Path
from typing import Any


class NotReadable(Exception):
    """The file is not what it should be; the message is one line that says why, and quotes nothing of it."""


def json_object(file: Path, max_bytes: int) -> dict[str, Any]:
    """Raises NotReadable."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotReadable(f"{file} cannot be read ({type(error).__name__})") from None
    if len(data) > max_bytes:
        raise NotReadable(f"{file} has more than {max_bytes} bytes")
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        raise NotReadable(f"{file} is no JSON: line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise NotReadable(f"{file} is no JSON") from None
    if not isinstance(value, dict):
        raise NotReadable(f"{file} is no JSON object")
    return value
