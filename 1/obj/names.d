1/obj/names.o: tracer/names.c tracer/names.h bpf/event.h
tracer/names.h:
bpf/event.h:
