"""What a child asks of the kernel: a sandbox (Landlock and a filter of system calls), and a process
that ends its descendants.
"""
