"""mailserver-exporter: does it greet, how fast is each step, does it say goodbye?

The journey: config names the targets, and discovery finds more; the schedule says when;
a probe carries a dialogue over a connection and comes back with an outcome; the ledger
keeps it; metrics tell it; the exposition writes them as lines; web serves them.
Imports go one way along that sentence. `life` is the exporter, which brings the rooms
together; `app` is the process around it; no other file knows as many.
"""

__version__ = "0.1.0"
