"""Find the experiment in an existing project, and what its instructions state. Files are parsed and
never run."""
