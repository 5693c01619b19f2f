"""Samples -> alarms. This room is reserved: alarm conditions, life cycle, engine, journal and lists live here.

Nothing in here runs yet; docs/road.md says which stations of the road exist.
"""
