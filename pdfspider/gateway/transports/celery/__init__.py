"""Celery, with RabbitMQ or Redis as the broker."""
