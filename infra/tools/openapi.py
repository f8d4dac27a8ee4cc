"""Prints the OpenAPI document of the application: `python -m infra.tools.openapi`."""

import json
import sys

import app  # noqa: F401  (registers the routes)
from chalicelib.edge.openapi import document


def main() -> None:
    json.dump(document("https://api.example.com"), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
