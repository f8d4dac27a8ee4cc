"""The results bucket."""

from collections.abc import Collection

from chalicelib.aws.objects import Objects
from chalicelib.generation.generation import Asset


class ResultStore:
    """Results by their objects' keys."""

    def __init__(self, bucket: str) -> None:
        self._objects = Objects(bucket)

    def write_result(self, key: str, data: bytes, content_type: str) -> None:
        self._objects.write(key, data, content_type)

    def read_result(self, key: str) -> bytes:
        """Raises ObjectMissing."""
        return self._objects.read(key)

    def delete_result(self, key: str) -> None:
        self._objects.delete(key)

    def delete_results(self, prefix: str, *, but: Collection[str] = ()) -> int:
        """All under the prefix `but` these; returns how many there were."""
        return self._objects.delete_prefix(prefix, but=but)

    def result_url(self, asset: Asset, filename: str) -> str:
        """Good for one object and a few minutes."""
        return self._objects.download_url(
            asset.key or "", content_type=asset.content_type or "application/octet-stream", filename=filename
        )
