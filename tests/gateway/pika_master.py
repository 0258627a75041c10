"""A master as people have it, run as ``python pika_master.py PORT URL …``."""

import sys

import pika

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost", int(sys.argv[1])))
channel = connection.channel()
channel.queue_declare(queue="pdf_tasks")
for url in sys.argv[2:]:
    channel.basic_publish(exchange="", routing_key="pdf_tasks", body=url)
connection.close()
