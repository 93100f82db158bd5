"""Where targets come from when they are not written down; no target is probed here.

catalog.py    the targets of all sources as one set; pure
watch.py      names that are looked up again and again
exchangers.py, addresses.py   what mail domains and hosts become
items.py      a list in JSON or YAML, item by item; pure
groups.py     the format of file_sd and http_sd, target by target; pure
lists.py      what a source names by now, and what of it is new; pure
sources.py    sources that are looked at again and again
files.py, http.py   how files and addresses of HTTP are read
supply.py     all of it together
"""
