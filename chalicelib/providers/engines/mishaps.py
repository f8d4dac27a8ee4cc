"""What goes wrong in an engine, in the words of the provider interface."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.providers.job import ProviderError, ProviderFailed


@contextmanager
def told() -> Iterator[None]:
    """Raises ProviderFailed for whatever an engine raises, unless it is a ProviderError already."""
    try:
        yield
    except ProviderError:
        raise
    except ImportError as error:
        raise ProviderFailed("engine_missing", "The engine of this model is not installed here.") from error
    except MemoryError as error:
        raise ProviderFailed("out_of_memory", "There is not enough memory here for this job.") from error
    except Exception as error:  # onnxruntime's errors share no base of their own
        raise ProviderFailed("engine_failed", "The engine could not finish this job.") from error
