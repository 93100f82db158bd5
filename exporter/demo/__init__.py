"""Local SMTP servers that play a script: for a newcomer's first minute, and for tests.

Holds what a server says and how it is said; refuses to know about probes, schedules
and metrics. What a script plays against is any client that connects.

    script.py    the steps, as data, and the macros they are combined into
    session.py   one accepted connection: what was said, what was heard, what was wrong
    channel.py   octets to and from a socket
    proxy.py     what a PROXY header must say
    listener.py  accepts connections and plays the script to each
    servers.py   the table of the demo's servers
"""
