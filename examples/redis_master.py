"""Submit a URL by Redis and print the PDFs that were found: python redis_master.py URL."""

import json
import sys
import uuid

import redis

task = str(uuid.uuid4())
client = redis.Redis("127.0.0.1", 6379)
client.lpush("pdf_tasks", json.dumps({"url": sys.argv[1], "task_id": task}))

last, result = "0", {}
while result.get("task_id") != task:
    ((_, entries),) = client.xread({"pdfs:results": last}, count=1, block=0)
    ((last, fields),) = entries
    result = json.loads(fields[b"result"])
print([document["url"] for document in result["documents"]])
