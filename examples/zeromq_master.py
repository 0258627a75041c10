"""Submit a URL by ZeroMQ and print the PDFs that were found: python zeromq_master.py URL."""

import json
import sys
import uuid

import zmq

task = str(uuid.uuid4())
context = zmq.Context()
results = context.socket(zmq.SUB)
results.connect("tcp://127.0.0.1:5572")
results.subscribe("")
requests = context.socket(zmq.REQ)
requests.connect("tcp://127.0.0.1:5570")
requests.send_json({"url": sys.argv[1], "task_id": task})
receipt = requests.recv_json()

result = {}
while result.get("id") != receipt["result_id"]:
    if results.poll(5000):
        topic, body = results.recv_multipart()
        result = json.loads(body)
    else:
        requests.send_json({"request": "result", "id": receipt["result_id"]})
        result = requests.recv_json()
print([document["url"] for document in result["documents"]])
context.destroy(linger=0)
