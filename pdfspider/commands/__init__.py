"""The commands; Scrapy loads all of these modules for each command."""

from pdfspider.crawl.engine.tuning import load_undisturbed

load_undisturbed()
