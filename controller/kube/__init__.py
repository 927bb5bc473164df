"""The one door to the API server.

``credentials``: who we are and where the server is. ``paths``: where an object lives. ``client``: one request, one
typed answer (``answers``). ``informers``: a kind of object followed by list and watch, with everything that goes wrong
there. Nothing here knows what the objects mean.
"""
