1/obj/hooks.o: tracer/hooks.c tracer/hooks.h bpf/event.h
tracer/hooks.h:
bpf/event.h:
