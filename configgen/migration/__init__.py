"""From Flyte 1 to Flyte 2: what changes for a configuration, where it is written, and doing what can be done.

:mod:`.facts` is the table of what differs, as data; :mod:`.findings` looks for it; :mod:`.editing` applies it to texts,
comments kept.
"""
