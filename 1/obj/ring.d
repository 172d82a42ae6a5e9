1/obj/ring.o: tracer/ring.c tracer/ring.h bpf/event.h
tracer/ring.h:
bpf/event.h:
