"""The gateway: masters hand in messages and get results, by the transport that they have already.

The way of a message: ``Transport.serve`` → ``GatewayService.accept`` → ``inbound/`` validates it, submits it and waits
until it is on disk → ``Delivery.ack``. The way of a result: the frontier notes the end of a run in
``{pdfs}:owed:NAME`` → ``outbound/result_publisher.py`` → ``outbound/results.py`` describes the run from the database →
``Transport.publish`` → the task is settled. What a result needs is kept with the run in the frontier, never in the
gateway's memory alone; every step may be repeated. The way of a document, where the transport ``tells``: the commit of
its URL notes it → ``outbound/event_publisher.py`` → ``Transport.tell``.

To add a transport, say ``example``:

1. Make a package ``transports/example/`` whose ``transport.py`` has a subclass of ``Transport`` and one of
   ``Delivery``. ``base.py`` says what each method promises; ``transports/redis/`` is the shortest one.

   - ``options`` names what it takes from the query of its URL.
   - ``listen`` opens its ports, if it has any.
   - ``serve`` hands deliveries to ``self.service.accept(self.name, delivery)``. It is called again after a failure, and
     tells ``self.health`` when it works.
   - ``publish`` raises TransportError while it cannot publish, and is then called again with the same id. It raises
     TooLargeError where a smaller result would be accepted.
   - ``tell`` does the same with each document, where ``tells`` is true.
   - A transport that answers questions about jobs has ``self.service.status``, ``watch``, ``result``, ``jobs`` and
     ``control``; ``queries/`` has published results and events for it.
2. Add a line to ``SCHEMES`` in ``registry.py``, with the extra of pyproject.toml that its client library comes in. Only
   this package may import the library.
3. Add ``tests/gateway/masters/example.py`` with a ``Master`` (``masters/base.py``), and a file in
   ``tests/gateway/conformance/`` that runs the suite against it.
4. Add ``examples/example_master.py``, which ``tests/gateway/test_examples.py`` runs, and its row, its options and that
   example to docs/gateway.md.
"""
