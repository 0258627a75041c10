"""Answers to questions of masters: published results, and jobs that they watch."""
