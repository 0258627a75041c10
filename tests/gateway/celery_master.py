"""A master as people have it, run as ``python celery_master.py URL …``, or imported."""

import sys

from celery import Celery

app = Celery("pdf_crawler", broker="pyamqp://guest@localhost//")


@app.task
def download_pdf(url):
    """Runs elsewhere."""


if __name__ == "__main__":
    for url in sys.argv[1:]:
        print(download_pdf.delay(url))
