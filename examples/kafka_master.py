"""Submit a URL by Kafka and print the PDFs that were found: python kafka_master.py URL."""

import json
import sys
import uuid

from confluent_kafka import Consumer, Producer

task = str(uuid.uuid4())
servers = {"bootstrap.servers": "127.0.0.1:9092"}
producer = Producer({**servers, "acks": "all", "enable.idempotence": True})
producer.produce("pdf_tasks", json.dumps({"url": sys.argv[1], "task_id": task}))
producer.flush()

consumer = Consumer({**servers, "group.id": "my-masters", "auto.offset.reset": "earliest"})
consumer.subscribe(["pdf_results"])
result = {}
while result.get("task_id") != task:
    message = consumer.poll(1)
    if message and not message.error():
        result = json.loads(message.value())
print([document["url"] for document in result["documents"]])
consumer.close()
