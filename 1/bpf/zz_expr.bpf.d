1/bpf/zz_expr.bpf.o: bpf/zz_expr.bpf.c vmlinux/x86_64/vmlinux.h

vmlinux/x86_64/vmlinux.h:
