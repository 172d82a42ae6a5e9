1/obj/filter.o: tracer/filter.c tracer/filter.h bpf/config.h bpf/event.h \
 bpf/event.h tracer/errmsg.h tracer/filter_parse.h tracer/names.h
tracer/filter.h:
bpf/config.h:
bpf/event.h:
bpf/event.h:
tracer/errmsg.h:
tracer/filter_parse.h:
tracer/names.h:
