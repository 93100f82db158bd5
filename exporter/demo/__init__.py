"""Local SMTP servers that play a script: for a newcomer's first minute, and for tests.

Holds what a server says and how it is said; refuses to know about probes, schedules
and metrics. What a script plays against is any client that connects.

    script.py    the steps, as data, and the macros they are combined into
    session.py   one accepted connection: what was said, what was heard, what was wrong
    channel.py   octets to and from a socket
    record.py    TLS records, as far as they are told apart from commands
    tls_channel.py, tls_context.py   TLS over a channel, and what it is set to
    certificates.py   an authority of the demo's own, and a certificate for each fault
    proxy.py     what a PROXY header must say
    listener.py  accepts connections and plays the script to each
    servers.py   the table of the demo's servers
"""
