"""The engine of a Ray cluster. This process speaks to a relay, which alone imports Ray; the relay
keeps an actor in each place of the cluster, and that runs a worker on its node."""
