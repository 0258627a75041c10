"""Submissions: seeds, options and messages before they enter the frontier."""
