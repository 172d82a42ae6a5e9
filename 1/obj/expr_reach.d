1/obj/expr_reach.o: tracer/expr_reach.c tracer/expr.h bpf/event.h
tracer/expr.h:
bpf/event.h:
