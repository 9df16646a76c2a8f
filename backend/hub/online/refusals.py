"""What the Hub's client raises, as one sentence that says what to do; nothing of a request is repeated in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from backend.errors import ModelError
from backend.hub import credentials

# The HTTP client that the library is built on: httpx in its version 1, httpx2 since 2.
http: Any = import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])


@contextmanager
def told(hub_id: str = "", file: str = "") -> Iterator[None]:
    """ModelError for whatever the Hub or the way to it has refused."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise ModelError("hub.offline") from error
    except (LocalEntryNotFoundError, http.TransportError, ConnectionError, TimeoutError) as error:
        raise ModelError("hub.unreachable", error=type(error).__name__) from error
    except (EntryNotFoundError, RevisionNotFoundError, RepositoryNotFoundError, HFValidationError) as error:
        raise _absent(error, hub_id, file) from error
    except HfHubHTTPError as error:
        raise _refused(error, hub_id) from error
    except (http.HTTPError, http.InvalidURL, http.StreamError) as error:
        raise ModelError("hub.unreachable", error=type(error).__name__) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The answer is no list of models and no model: a page to log in, a proxy, another program.
        raise ModelError("hub.strange_answer") from error


def _absent(error: Exception, hub_id: str, file: str) -> ModelError:
    if isinstance(error, GatedRepoError):
        return _gated(hub_id)
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return ModelError("hub.not_found", name=hub_id)
    return ModelError("hub.file_gone", name=hub_id, file=file or "?")


def _gated(hub_id: str) -> ModelError:
    return ModelError("hub.gated_not_let_in" if credentials.read() else "hub.gated", name=hub_id)


def _refused(error: HfHubHTTPError, hub_id: str) -> ModelError:
    code = error.response.status_code if error.response is not None else 0
    if isinstance(error, DisabledRepoError):
        return ModelError("hub.disabled", name=hub_id)
    if code == 401:
        return ModelError("hub.token_refused") if credentials.read() else _gated(hub_id)
    if code == 403:
        return _gated(hub_id)
    if code == 404:
        return ModelError("hub.not_found", name=hub_id)
    return ModelError("hub.busy") if code == 429 else ModelError("hub.error_code", code=code)
