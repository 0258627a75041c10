"""A Celery app for workers whose queue has other tasks too: ``celery -A pdfspider.gateway.tasks worker``.

It hands ``download_pdf`` on to a queue of the gateway's and is free again at once: the gateway answers the same task.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, Task

QUEUE = "pdfs"

app = Celery("pdf_crawler", set_as_current=False)


@app.task(bind=True, name="pdf_crawler.download_pdf", acks_late=True)  # type: ignore[untyped-decorator]
def download_pdf(self: Task, url: str, **fields: Any) -> None:
    """Replaces itself by the same task in the queue ``pdfs``."""
    self.replace(self.signature([url], fields).set(queue=QUEUE, reply_to=self.request.reply_to))
