"""The kernel's means to sandbox a process: Landlock, and a filter of system calls."""
