"""Simulated nodes: a small kubelet of ours that registers nodes and plays pods through their phases by script.

The pods are made, admitted and bound by the real API server and the real scheduler; what is played is only what
happens on a node. Nothing runs: a pod's *script* (an annotation, see scripts.py) says which states its containers
take and when, and which files it leaves behind.
"""
