"""The dashboard: pages on which people see what a fleet does, and steer it.

``views/`` reads, ``actions/`` changes. A view returns a ``Page``, which is rendered on the server. Without JavaScript a
page is loaded again; with it the parts that have changed are replaced as they change (``live.py``).

To add a page: a function in ``views/`` that returns a Page, its template, a line in ``routes.py``.
"""
