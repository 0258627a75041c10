"""scrapy-redis with FilesPipeline as their own documentation sets them up, everything else as Scrapy comes."""

from __future__ import annotations

BOT_NAME = "stock"
SPIDER_MODULES = ["stock.spiders"]

SCHEDULER = "scrapy_redis.scheduler.Scheduler"
DUPEFILTER_CLASS = "scrapy_redis.dupefilter.RFPDupeFilter"
ITEM_PIPELINES = {"scrapy.pipelines.files.FilesPipeline": 1}
MAX_IDLE_TIME_BEFORE_CLOSE = 1

ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS = 32
CONCURRENT_REQUESTS_PER_DOMAIN = 8
DOWNLOAD_DELAY = 0

LOG_LEVEL = "WARNING"
