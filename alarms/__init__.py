"""Samples -> alarms, as ISA-18.2 (IEC 62682) means them.

Pure: kinds.py (words), condition.py (is it true?), evaluation.py (for how long?), logic.py (life cycle), muting.py
(shelved, suppressed, out of service), priorities.py. With the database: models.py, transitions.py (the one way to
change a state), actions.py (what people do), engine.py (follows the bus), system_alarms.py, kpi.py.
"""
