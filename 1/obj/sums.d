1/obj/sums.o: tracer/sums.c tracer/sums.h bpf/event.h tracer/view.h
tracer/sums.h:
bpf/event.h:
tracer/view.h:
