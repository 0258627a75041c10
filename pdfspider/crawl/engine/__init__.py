"""Leasing, scheduling and committing: the parts that replace Scrapy's own."""
