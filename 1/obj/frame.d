1/obj/frame.o: tracer/frame.c tracer/frame.h bpf/event.h
tracer/frame.h:
bpf/event.h:
