1/obj/loader.o: tracer/loader.c tracer/loader.h tracer/kbtf.h \
 bpf/ktypes.h
tracer/loader.h:
tracer/kbtf.h:
bpf/ktypes.h:
