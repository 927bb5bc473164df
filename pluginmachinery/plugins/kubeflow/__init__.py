"""Kubeflow's training operator: what PyTorchJob, TFJob and MPIJob (``kubeflow.org/v1``) have in common.

A *job* runs groups of equal pods, its *replica specs*: Master and Worker, or Chief, Worker, PS and Evaluator, or
Launcher and Worker. The *run policy* says when the job as a whole is over and what is left of it then. The operator
reports in a list of *conditions* (Created, Running, Succeeded, …), of which the newest true one is how the job stands.

The three plugins – ``pytorch``, ``tensorflow``, ``mpi`` – read the task's custom and say which replica groups there
are; everything else is here, one stage a file: ``replicas``, ``run_policy``, ``job_status``, ``replica_logs``, and the
frame of the plugins, ``training_job``.
"""
