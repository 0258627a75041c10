"""Submit a URL by gRPC and print the PDFs that were found: python grpc_master.py URL."""

import sys
import uuid

import grpc

from pdfspider.gateway.transports.grpc.masters_pb2 import Message, Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub

task = str(uuid.uuid4())
with grpc.insecure_channel("127.0.0.1:50051") as channel:
    masters = MastersStub(channel)
    receipt = masters.Submit(Message(urls=[sys.argv[1]], task_id=task), wait_for_ready=True)
    for event in masters.Watch(Question(result_id=receipt.result_id)):
        print(event)
