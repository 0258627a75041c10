"""Tell people and programs when jobs end or stall, and when alerts fire, by webhook and by mail.

The frontier notes each end of a run in the stream ``{pdfs}:events``. Each destination is a consumer group of it, so
that each event reaches it at least once, from whichever worker or gateway comes first, and no destination delays
another.
"""
