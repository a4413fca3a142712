"""Thinking about routing: no database, no clock, no network."""
