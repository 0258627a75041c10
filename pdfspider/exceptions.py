"""Every error that pdfspider raises on purpose.

    PdfSpiderError
    ├── ConfigurationError      a setting, an argument or the surroundings are not usable
    │   ├── AddressInUse        something else listens there already
    │   ├── EmbeddedRedisError  the embedded Redis cannot be started or used
    │   ├── ForeignStoreError   this worker's store or database is not the frontier's
    │   └── FormatError         the frontier's keys are of another version than this pdfspider's
    ├── InvalidInput            a URL, a message or a job name makes no sense
    │   └── RequestRefused      a request of a spider cannot be kept in the frontier
    ├── FrontierError           the frontier refused a call
    │   ├── JobNotFound
    │   └── LeaseLost           the lease has ended or is about to; its work must be dropped
    ├── RecordsError            the database refused a call
    │   ├── RecordsUnavailable  the database cannot be used now
    │   └── RecordRefused       the database refused one capture, for what is in it
    └── ClientError             pdfspider.client: a gateway cannot be reached, or has refused a request

The message of an error without arguments is its docstring.
"""

from __future__ import annotations


class PdfSpiderError(Exception):
    """Something went wrong in pdfspider."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ConfigurationError(PdfSpiderError):
    """A setting, an argument or the surroundings are not usable."""


class AddressInUse(ConfigurationError):
    """Something else listens there already."""


class EmbeddedRedisError(ConfigurationError):
    """The embedded Redis cannot be started or used."""


class ForeignStoreError(ConfigurationError):
    """The worker's document store or database is not the one that the frontier belongs to."""


class FormatError(ConfigurationError):
    """The frontier's keys are of another version than this pdfspider's."""

    def __init__(self, found: int, *, newer: bool) -> None:
        what = "newer than" if newer else "older than"
        advice = "install the one that wrote it" if newer else "stop all workers and gateways, then run scrapy migrate"
        super().__init__(f"the frontier's keys have the format {found}, {what} that of this pdfspider: {advice}")
        self.found = found


class InvalidInput(PdfSpiderError):
    """A URL, a message or a job name makes no sense."""


class RequestRefused(InvalidInput):
    """A request of a spider cannot be kept in the frontier."""


class FrontierError(PdfSpiderError):
    """The frontier refused a call."""


class JobNotFound(FrontierError):
    """There is no job of that name."""


class HostTaken(FrontierError):
    """Another lease is out on the robots.txt of the host."""


class LeaseLost(FrontierError):
    """The lease has ended or is about to: whatever was done under it must be dropped."""


class RecordsError(PdfSpiderError):
    """The database refused a call."""


class RecordRefused(RecordsError):
    """The database refused one capture, for what is in it.

    ``columns`` are the fields whose values it refused; none if that is unknown.
    """

    def __init__(self, message: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns


class RecordsUnavailable(RecordsError):
    """The database cannot be used now: it is locked, full or gone."""


class ClientError(PdfSpiderError):
    """A gateway cannot be reached, or has refused a request."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP's; None where nothing was answered."""
