"""Records that several clones of one project share: the folder that the user names for them, the
repository of a project in it, and the commits that it keeps."""
