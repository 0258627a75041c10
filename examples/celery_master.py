"""Submit a URL by Celery and print the PDFs that were found: python celery_master.py URL."""

import sys

from celery import Celery

app = Celery("pdf_crawler", broker="redis://127.0.0.1:6379", backend="redis://127.0.0.1:6379")


@app.task
def download_pdf(url, **fields):
    """Runs in the gateway."""


if __name__ == "__main__":
    result = download_pdf.delay(sys.argv[1], meta={"order": 1}).get(timeout=600)
    print(result["meta"], [document["url"] for document in result["documents"]])
