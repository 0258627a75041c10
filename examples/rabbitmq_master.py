"""Submit a URL by RabbitMQ and print the PDFs that were found: python rabbitmq_master.py URL."""

import json
import sys
import uuid

import pika

connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", 5672))
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare("pdf_tasks", durable=True)
answers = channel.queue_declare("", exclusive=True).method.queue

task = str(uuid.uuid4())
properties = pika.BasicProperties(delivery_mode=2, message_id=task, reply_to=answers, correlation_id=task)
channel.basic_publish("", "pdf_tasks", sys.argv[1], properties)
method, _, body = next(channel.consume(answers))
channel.basic_ack(method.delivery_tag)
print([document["url"] for document in json.loads(body)["documents"]])
connection.close()
