"""Submit a URL by HTTP and print what becomes of it: python http_master.py URL."""

import json
import sys
import uuid
from urllib.request import Request, urlopen

task = str(uuid.uuid4())
message = json.dumps({"url": sys.argv[1], "task_id": task}).encode()
with urlopen(Request("http://127.0.0.1:8080/jobs", message, {"Content-Type": "application/json"})) as answer:
    job = json.load(answer)["job"]
with urlopen(f"http://127.0.0.1:8080/jobs/{job}/events") as events:
    for line in events:
        print(line.decode().rstrip())
