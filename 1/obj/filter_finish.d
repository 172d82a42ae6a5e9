1/obj/filter_finish.o: tracer/filter_finish.c tracer/errmsg.h \
 tracer/filter.h bpf/config.h bpf/event.h bpf/event.h \
 tracer/filter_parse.h tracer/names.h bpf/match.h bpf/config.h
tracer/errmsg.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
bpf/event.h:
tracer/filter_parse.h:
tracer/names.h:
bpf/match.h:
bpf/config.h:
