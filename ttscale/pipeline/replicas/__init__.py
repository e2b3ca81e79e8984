"""A run drawn by several engines in processes of their own, wherever these are; one driver that alone commits.

What is left to do is read off the store, chunk by chunk: a chunk is a list of sampling requests, drawn whole by one
replica. A replica writes what it drew under a temporary name (or sends it, where it does not see the run directory), and
the driver, which holds the run's lock, gives it its final name. So every sample is stored once, whoever dies when:
what a dead replica or the replica of a dead driver still writes has a name that no reader looks at.

Who places replicas and brings calls to them is a `Cluster`: Ray, or processes on this machine.
"""
