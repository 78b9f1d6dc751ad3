"""What the kernel offers to shut a process in: Landlock, a filter of system calls."""
