"""A run on a Ray cluster: engine replicas as actors, verification as tasks, one driver that alone commits.

Ray places, restarts on other nodes, and scales. What is left to do is read off the store, chunk by chunk: a chunk
is a list of sampling requests, drawn whole by one replica. A replica writes what it drew under a temporary name (or
sends it, where it does not see the run directory), and the driver, which holds the run's lock, gives it its final
name. So every sample is stored once, whoever dies when: what a dead replica or the replica of a dead driver still
writes has a name that no reader looks at.
"""
