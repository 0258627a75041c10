"""Submit a URL by RQ and print the PDFs that were found: python rq_master.py URL."""

import sys
import time

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

queue = Queue("pdfs", connection=Redis("127.0.0.1", 6379), serializer=JSONSerializer)
job = queue.enqueue("crawling.download_pdf", args=[sys.argv[1]], kwargs={"meta": {"order": 1}})
while not (job.is_finished or job.is_failed):
    time.sleep(0.1)
result = job.return_value()
print(result["meta"], [document["url"] for document in result["documents"]])
