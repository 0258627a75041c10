"""The commands. Scrapy loads all of them at once, and what they load is no garbage."""

from pdfspider.crawl.engine.tuning import load_undisturbed

load_undisturbed()
