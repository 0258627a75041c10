"""A Celery app for workers whose queue has other tasks too: ``celery -A pdfspider.gateway.tasks worker``.

Its task ``download_pdf`` moves to a queue of the gateway, so the worker is free at once. The gateway answers the same
task.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, Task

TASK_QUEUE = "pdfs"

app = Celery("pdf_crawler", set_as_current=False)


@app.task(bind=True, name="pdf_crawler.download_pdf", acks_late=True)
def download_pdf(self: Task, url: str, **fields: Any) -> None:
    """Replace this task with the same one in the queue ``pdfs``."""
    self.replace(self.signature([url], fields).set(queue=TASK_QUEUE, reply_to=self.request.reply_to))
