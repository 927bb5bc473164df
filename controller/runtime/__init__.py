"""The runtime: TaskExecutions are followed, decided about, and what was decided is carried out.

A *slot* is what is known of one TaskExecution. Watches fill slots (``cache``), a changed slot is put in line, a worker
takes it (``engine``), asks ``pluginmachinery.lifecycle.advance.advance`` what to do, has the actions carried out
(``effects``) and the status written (``statuses``). ``application`` puts the parts together, ``frame`` hosts them in a
kopf operator and is the only module that imports kopf.

What measuring other controllers taught, and every module here obeys:

- act only after every list is in; a relist is a diff;
- what follows an own write is taken from its answer, never from a watch that may lag behind;
- not having seen an object never means that it was deleted: only a DELETED event or a live read says so;
- one task is handled by one worker at a time, and has one status write in flight;
- nothing that runs is polled: one heap of timers serves deadlines.
"""
