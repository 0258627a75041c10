"""The ways in which URLs enter a job from a worker: arguments, ``start()``, start URLs and schedules."""
