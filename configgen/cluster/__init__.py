"""Everything of configgen that talks to a live cluster. The rest of it works offline.

``kubeconfigs`` makes a connection of a context, ``connection`` is the one door to the API server: plain objects come
out of it, and every trouble is one message with its mend. Nothing is ever written: *reviews* (may this user do that?)
are created, and leave no object behind. ``installations`` finds the configuration that a cluster runs with, for live
sides of ``diff`` and for ``import``; ``configgen.checks`` holds a configuration against a cluster.
"""
