1/obj/opts_filter.o: tracer/opts_filter.c tracer/opts_filter.h \
 tracer/filter.h bpf/config.h bpf/event.h bpf/event.h tracer/errmsg.h
tracer/opts_filter.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
bpf/event.h:
tracer/errmsg.h:
