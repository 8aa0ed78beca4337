"""What a span costs on this machine: CPU and bytes, by source, measured on a server of its own or on a running one."""
