"""Admission: the webhook that puts secrets into pods which FlytePropeller or operators make.

``reviews`` answers one question of the API server, ``lookups`` knows the secrets of our own process, ``certificates``
decides what to serve with, ``stores`` and ``registrations`` hold what replicas agree on, ``keeping`` keeps all that up
to date, ``serving`` puts it together. What a secret *means* in a pod is :mod:`pluginmachinery.pods.secret_managers`.
"""
