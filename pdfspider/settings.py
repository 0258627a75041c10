"""Every setting of pdfspider and its default; ``-s NAME=VALUE`` overrides any of them.

Scrapy's own names keep their meaning, and hold for all workers of a frontier together where that is said. New names
are grouped by prefix: ``FRONTIER_`` (the shared state), ``PDF_`` (fetching, judging and looking inside), ``GATEWAY_``
(masters), ``DASHBOARD_``, ``NOTIFY_``.

Longer than 300 lines: one page has all settings.
"""

from __future__ import annotations

import os
from urllib.request import getproxies

from pdfspider.environment import settings_from

# Who we are. An owner who reads this in a log can find out what it is.
BOT_NAME = "pdfspider"
USER_AGENT = "pdfspider/0.1 (a crawler that collects PDF documents and obeys robots.txt)"
SPIDER_MODULES = ["pdfspider.spiders"]
COMMANDS_MODULE = "pdfspider.commands"

# Where things are.

# Directory of everything that is kept here: files/, pdfs.db, redis/.
DATA_DIR = "data"
# Where documents go: a directory, s3://bucket/prefix/, or any other store of Scrapy. Default: DATA_DIR/files.
FILES_STORE = None
# sqlite:///… or postgresql://…  Default: SQLite at DATA_DIR/pdfs.db.
DATABASE_URL = None
# The frontier's Redis. Default: an embedded one under DATA_DIR/redis, shared by all workers with the same DATA_DIR.
REDIS_URL = None
# Bytes that the embedded one may use; 0: no limit. Default: a quarter of the memory of the machine or container, at
# least 64 MiB. At 90 % of it no URL is leased any more until there is room.
EMBEDDED_REDIS_MAXMEMORY = None
# The list from which URLs are taken in; %(name)s is the spider's name.
REDIS_START_URLS_KEY = "%(name)s:start_urls"

# How gently hosts are treated: over all workers, jobs and connections.

ROBOTSTXT_OBEY = True
# Robots directives that are obeyed where robots.txt is: nofollow (of pages: their links are not followed), rel-nofollow
# (of single links), noindex (of documents: they are not stored). All of them are recorded.
PDF_ROBOTS_DIRECTIVES = ["nofollow"]
# Seconds between the starts of two requests to one host; a robots.txt may ask for more.
DOWNLOAD_DELAY = 0.5
# Requests in flight at one host.
CONCURRENT_REQUESTS_PER_DOMAIN = 1

# How hard this worker works.

# Requests in flight in this worker.
CONCURRENT_REQUESTS = 32

# What is fetched.

# Characters of a URL; links that are longer are not followed; at most 8,192, as 0 says too.
URLLENGTH_LIMIT = 8192
# Pages deeper than this are not followed; 0: no limit. The spider argument "depth" overrides it.
DEPTH_LIMIT = 0
# Bytes of one document; 0: no limit.
DOWNLOAD_MAXSIZE = 2 * 1024**3
# Bytes of all documents that this worker has on their way to the store; 0: no limit. One document goes on in any case.
PDF_STAGING_MAX_SIZE = 8 * 1024**3
# Bytes of one page; what lies behind them is not read.
PDF_PAGE_MAX_SIZE = 10 * 1024 * 1024
# A compressed body may grow to this many times the bytes received (and 16 MiB in any case).
PDF_MAX_INFLATION = 200
# Names that documents have beside that of their hash: "hash" (none), "original" (HOST/NAME, the name that their server
# says) or "path" (HOST/PATH/NAME, as their URL has it). "file_path()" of a subclass of the pipeline overrides it.
PDF_FILE_NAMES = "hash"
# Whether an object store is asked, after each upload, if it has the document.
PDF_VERIFY_UPLOADS = True

# Whether pages are left alone whose paths repeat themselves as those of a maze do.
PDF_TRAPS = True
# Pages of a job that a worker fetches whose URLs differ only by their query and by the parts of their path that have a
# number in them; ten more for each document that such pages lead to; 0: no limit.
PDF_PAGES_PER_PATTERN = 10_000
# Pages of a job at one host, over all workers; 0: no limit.
PDF_PAGES_PER_HOST = 100_000
# Redirects of a job out of its scope that a worker follows where nothing says that they lead to documents, one page
# each; ten more for each document that such a redirect has led to; 0: no limit.
PDF_REDIRECTS_OUT = 1_000
# Links of one page or list that are followed, documents first; 0: no limit.
PDF_LINKS_PER_PAGE = 50_000
# Bytes that the links of one page or list take in the frontier, about; those beyond are not followed; 0: no limit.
PDF_LINKS_MAX_SIZE = 16 * 1024 * 1024
# Whether a document that an earlier run of the job brought is asked for only if it has changed.
PDF_ONLY_IF_CHANGED = True
# Seconds after which a host is due again, where a job is to visit only such: the least, which doubles with each visit
# that saw nothing change and halves with each that did, and the most.
PDF_REVISIT_AFTER = 24 * 3600
PDF_REVISIT_MAX = 60 * 24 * 3600

# How links are found.

# Whether the sitemaps that a robots.txt names are pages of the jobs that begin at its host and have no depth limit.
PDF_SITEMAPS = True
# Techniques that are not used; docs/reference.md lists all of them.
PDF_TECHNIQUES_OFF: list[str] = []
# What is known about single sites: {"example.org": [["pattern", "replacement"], "package.module.function"]}.
PDF_SITE_RULES: dict[str, list[object]] = {}

# Which addresses may be reached: public ones, and the private block of a URL that you hand in yourself.

# Networks that are not public and may be reached too by what is handed in under this setting, such as 10.1.0.0/16.
PDF_ALLOWED_NETWORKS: list[str] = []
# Whether names are resolved and judged here too before a proxy is asked, which otherwise has to judge them itself.
PDF_RESOLVE_FOR_PROXY = False

# When a fetch is given up. There is no limit on the total time: a large document may take hours.

# Seconds to resolve and connect.
PDF_CONNECT_TIMEOUT = 20
# Seconds from a request to the head of its answer: some servers make the document meanwhile. What comes then has no
# limit on its total time. The key "download_timeout" of a request's meta overrides it.
DOWNLOAD_TIMEOUT = 150
# Seconds without a byte of what comes.
PDF_IDLE_TIMEOUT = 30
# Bytes per second, on average over each of the intervals that PDF_IDLE_TIMEOUT is long.
PDF_MINIMUM_RATE = 256
# Redirects, and pages that stand where a document was expected, on the way to one answer. With REDIRECT_ENABLED = False
# a redirect is not followed.
REDIRECT_MAX_TIMES = 20

# What requests say of the way that led to them.

# Whether the cookies that a host sets are sent back to it, job by job.
COOKIES_ENABLED = True
# Whether requests name the page on which their link was found, and how much of its URL.
REFERER_ENABLED = True
REFERRER_POLICY = "strict-origin-when-cross-origin"

# What is tried again.

# Tries in a row to go on with a document whose connection broke; a further MiB begins the count anew; 0: none.
PDF_RESUME_TIMES = 3
# Further tries of what the server is still preparing (202): when it says, or as after failures.
PDF_POLL_TIMES = 8
# Further tries after a failure that may pass.
RETRY_TIMES = 2
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]
# Seconds before the first of them; each further one waits twice as long.
FRONTIER_RETRY_DELAY = 5

# What is looked for inside the documents that are stored, in processes of their own that can come to no harm's way.

# Whether a worker does so behind its crawl, if the store is a directory; "scrapy inspect" does what it left.
PDF_INSPECT = True
# Processes of a worker; they have the lowest priority.
PDF_INSPECT_PROCESSES = 1
# Seconds for one document, and bytes of memory for one process.
PDF_INSPECT_TIMEOUT = 30
PDF_INSPECT_MEMORY = 1024**3
# Seconds for which a worker whose job has ended goes on with what still waits.
PDF_INSPECT_PATIENCE = 60
# Also the first page's text, the URIs that a document links to, and a PNG of the first page in DATA_DIR/thumbnails. The
# URIs are followed: a document's visit then ends after its inspection.
PDF_INSPECT_TEXT = False
PDF_INSPECT_LINKS = False
PDF_INSPECT_THUMBNAIL = False

# What is done with hosts that fail. All of this is one state per host for all workers.

# Seconds for which a host is left alone that answers 429 or 503; twice as long each time, up to the most.
FRONTIER_BACKOFF = 5
FRONTIER_BACKOFF_MAX = 300
# Failures in a row after which a host is asked no more for a while; 0: never.
FRONTIER_BREAKER_FAILURES = 10
# Seconds of the first while; each further one is twice as long. After each, one URL finds out whether the host works.
FRONTIER_BREAKER_SECONDS = 60
# Whiles after which the URLs that wait for the host end as host-down.
FRONTIER_BREAKER_OPENINGS = 5
# Seconds within which a host has to be done with what a job has waiting for it, where its robots.txt asks for a longer
# delay than the job's, or it has asked to be left alone for so long by now; the last of the rest end as over-budget. 0:
# any time.
FRONTIER_HOST_PATIENCE = 7 * 24 * 3600
# Whether the delay of a host follows its latency (seconds), as in Scrapy.
AUTOTHROTTLE_ENABLED = False
AUTOTHROTTLE_START_DELAY = 5.0
AUTOTHROTTLE_MAX_DELAY = 60.0
AUTOTHROTTLE_TARGET_CONCURRENCY = 1.0

# The frontier.

# Seconds that a lease lasts unless it is renewed, and so the time after which a dead worker's URLs are taken over.
FRONTIER_LEASE_SECONDS = 30
# Deliveries of a URL that ended with its worker's death, before it is set aside as poison.
FRONTIER_MAX_DELIVERIES = 4
# Seconds after which what a job has queued ends as over-budget, from the opening of each run; 0: no limit. The job
# "default" has none. The spider argument "max_seconds" overrides it.
FRONTIER_MAX_SECONDS = 0
# URLs of one job that wait for one host as they are; what waits besides is kept compressed and comes back in order;
# 0: no limit.
FRONTIER_QUEUE_MAX = 10_000
# Seconds by which a URL may be leased ahead of its start, so that a host's delay is used fully.
FRONTIER_LOOKAHEAD = 0.5
# Seconds for which a robots.txt is believed.
FRONTIER_ROBOTS_TTL = 24 * 3600
# Seconds for which a finished job stays in the frontier; its records stay in the database.
FRONTIER_RETENTION = 7 * 24 * 3600
# Seconds that SIGTERM leaves to fetches that are under way.
FRONTIER_GRACE = 5

# The gateway ("scrapy gateway"), which serves masters; docs/gateway.md says by which ways.

# Where masters are: redis://…, amqp://…, http://…, separated by commas; each may end in #NAME.
GATEWAY_URLS: list[str] = []
# Link depth when the message sets no depth; 1: the page and its links.
GATEWAY_DEPTH = 1
# Bytes, and URLs, of one message; 0: no limit.
GATEWAY_MESSAGE_MAX_SIZE = 1024 * 1024
GATEWAY_URLS_PER_MESSAGE = 1000
# Messages of one transport that are taken and not acknowledged yet.
GATEWAY_UNACKNOWLEDGED = 10_000
# Jobs of masters that are not answered yet, from which on no message is taken: the brokers keep the rest; 0: no limit.
GATEWAY_OPEN_JOBS = 0
# Documents, and failures, that one result names; all are counted.
GATEWAY_RESULT_ENTRIES = 1000
# Bytes of one result, whose lists of URLs, documents and failures end where they would make it larger; 0: no limit.
# More than 1 MiB is too large for Kafka as it is set up by itself, and for many webhooks; 4 MiB for gRPC's clients.
GATEWAY_RESULT_MAX_SIZE = 1_000_000
# Networks that are not public and may be crawled for masters all the same, such as 10.1.0.0/16.
GATEWAY_NETWORKS: list[str] = []
# What HTTP requests and gRPC calls have to show ("Authorization: Bearer …"); needed where they come from elsewhere than
# loopback addresses.
GATEWAY_TOKEN = None
# Whether a proxy in front of the gateway has the TLS, so that http:// and grpc:// with a token may be listened on
# beyond loopback addresses.
GATEWAY_TLS_TERMINATED = False
# Connections of HTTP and of gRPC, and of HTTP from one address; those above are closed; 0: no limit.
GATEWAY_CONNECTIONS = 512
GATEWAY_CONNECTIONS_PER_ADDRESS = 128
# Seconds in which an HTTP client must have sent a request's headers, its body, and the next request on the same
# connection, must read on, and for the handshakes of TLS and gRPC; 0: no limit.
GATEWAY_CLIENT_TIMEOUT = 30
# Seconds after which a quiet stream has a sign of life, so that no proxy cuts it: a comment in server-sent events, a
# ping of gRPC, a heartbeat of ZeroMQ; 0: none.
GATEWAY_KEEP_ALIVE = 15
# A URL to which results of jobs that came by HTTP are posted, and the key of their signature (HMAC-SHA256).
GATEWAY_WEBHOOK = None
GATEWAY_WEBHOOK_SECRET = None

# The dashboard ("scrapy dashboard"); docs/dashboard.md shows it.

# Where it is: http://HOST:PORT, or https://HOST:PORT?cert=FILE&key=FILE.
DASHBOARD_URL = "http://127.0.0.1:6090"
# Whether a worker starts it beside its crawl, until the worker ends.
DASHBOARD = False
# What has to be shown before anything is; needed where it listens on more than loopback addresses.
DASHBOARD_TOKEN = None
# Whether a proxy in front of the dashboard has the TLS, so that http:// with a token may be listened on beyond loopback
# addresses.
DASHBOARD_TLS_TERMINATED = False

# Who is told when a job ends or stalls, or an alert fires.

# Where to: https://… (a JSON object is posted) or mailto:NAME@HOST (by Scrapy's MAIL_… settings).
NOTIFY_URLS: list[str] = []
# The key of the signature of what is posted (HMAC-SHA256).
NOTIFY_SECRET = None
# Seconds without an end of a URL after which a job that has some counts as stalled; 0: never.
NOTIFY_STALLED_AFTER = 3600

# What Prometheus reads.

# Where a worker or a gateway serves its metrics and probes (/metrics, /healthz, /readyz): http://HOST:PORT.
METRICS_URL = None

# What stands on the screen.
LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_DATEFORMAT = "%H:%M:%S"
# Seconds between two lines of progress where the output is not a terminal.
LOGSTATS_INTERVAL = 10.0

# The parts that do the work. Scrapy's own downloader repeats what the frontier's gate has decided; its own handlers
# hold bodies in memory; retries, redirects, robots.txt and deduplication belong to the frontier.

SCHEDULER = "pdfspider.crawl.engine.scheduler.Scheduler"
DOWNLOADER = "pdfspider.crawl.fetch.downloader.Downloader"
ITEM_PROCESSOR = "pdfspider.crawl.engine.processor.Processor"
STATS_CLASS = "pdfspider.crawl.engine.tuning.Stats"
LOG_FORMATTER = "pdfspider.crawl.engine.tuning.Formatter"
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
ASYNCIO_EVENT_LOOP = "uvloop.Loop"
DOWNLOAD_HANDLERS_BASE = {
    "http": "pdfspider.crawl.fetch.handler.StagingDownloadHandler",
    "https": "pdfspider.crawl.fetch.handler.StagingDownloadHandler",
}
ITEM_PIPELINES = {
    "pdfspider.crawl.store.pipelines.PdfFilesPipeline": 300,
    "pdfspider.crawl.inspection.pdf_links.PdfLinksPipeline": 350,
    "pdfspider.crawl.store.pipelines.RecordsPipeline": 400,
}
# Of Scrapy's own parts only these are on; what is not named here is not even loaded. DOWNLOADER_MIDDLEWARES,
# SPIDER_MIDDLEWARES and EXTENSIONS are free for yours. The handler puts in DEFAULT_REQUEST_HEADERS and USER_AGENT.
DOWNLOADER_MIDDLEWARES_BASE = {
    "pdfspider.crawl.fetch.credentials.HttpAuth": 300,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    "pdfspider.crawl.engine.optional_parts.HttpCache": 900,
}
SPIDER_MIDDLEWARES_BASE: dict[str, int] = {}
EXTENSIONS_BASE = {
    "scrapy.extensions.corestats.CoreStats": 0,
    "scrapy.extensions.logcount.LogCount": 0,
    "scrapy.extensions.closespider.CloseSpider": 0,
    "scrapy.extensions.memusage.MemoryUsage": 0,
    "scrapy.extensions.memdebug.MemoryDebugger": 0,
    "scrapy.extensions.feedexport.FeedExporter": 0,
    "pdfspider.crawl.engine.optional_parts.TelnetConsole": 0,
    "pdfspider.crawl.engine.optional_parts.RemoteControl": 0,
    "pdfspider.crawl.progress.progress.Progress": 0,
    "pdfspider.crawl.progress.report.ReportExtension": 0,
    "pdfspider.crawl.progress.dashboard_process.DashboardProcess": 0,
    "pdfspider.crawl.inspection.extension.InspectionExtension": 0,
    "pdfspider.crawl.progress.loop_lag.LoopLag": 0,
    "pdfspider.crawl.progress.metrics.Metrics": 0,
    "pdfspider.crawl.progress.notifications.Notifications": 0,
}
# One item per response: a larger number makes Scrapy start that many tasks for each.
CONCURRENT_ITEMS = 1
# Bodies of pages that wait to be parsed, in bytes; documents have none.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 50_000_000
TELNETCONSOLE_ENABLED = False
# Proxies come from the environment (http_proxy, https_proxy); one in a request's meta is used in any case.
HTTPPROXY_ENABLED = bool(getproxies())
REMOTE_CONTROL_ENABLED = False

globals().update(settings_from(os.environ))
