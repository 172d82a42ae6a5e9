1/obj/explain.o: tracer/explain.c tracer/explain.h bpf/event.h
tracer/explain.h:
bpf/event.h:
