"""A run on a Ray cluster: engine replicas as actors, verification as tasks.

Ray places, restarts on other nodes, and scales; how replicas are driven is the same as on one machine, see
`ttscale.pipeline.replicas`.
"""
