"""A client for programs that submit work to a gateway, over HTTP or Redis.

    from pdfspider.client import Client

    with Client("http://127.0.0.1:8080") as client:
        job = client.submit("https://example.org/", depth=2)
        for document in job.documents():
            print(document.url, document.size)
        print(job.wait().counts)

``AsyncClient`` is the same for asyncio.
"""

from __future__ import annotations

from pdfspider.client.asynchronous import AsyncClient, AsyncJob
from pdfspider.client.models import Document, Failure, Result, Status
from pdfspider.client.synchronous import Client, Job
from pdfspider.exceptions import ClientError

__all__ = ["AsyncClient", "AsyncJob", "Client", "ClientError", "Document", "Failure", "Job", "Result", "Status"]
