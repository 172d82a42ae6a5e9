1/obj/life.o: tracer/life.c tracer/life.h bpf/event.h
tracer/life.h:
bpf/event.h:
