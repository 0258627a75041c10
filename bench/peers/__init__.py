"""Other ways to crawl the benchmark site, each as short as its own documentation would write it.

They follow the links of ``a``, on all hosts of the site, and write each PDF to ``DIRECTORY/<sha256>.pdf``. None of them
obeys robots.txt, delays, resumes, or says where a document came from.
"""
