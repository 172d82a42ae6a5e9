1/obj/expr_ebpf.o: tracer/expr_ebpf.c tracer/expr.h bpf/event.h
tracer/expr.h:
bpf/event.h:
