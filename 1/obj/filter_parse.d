1/obj/filter_parse.o: tracer/filter_parse.c tracer/filter_parse.h \
 bpf/config.h bpf/event.h tracer/errmsg.h tracer/resolve.h bpf/match.h \
 bpf/config.h
tracer/filter_parse.h:
bpf/config.h:
bpf/event.h:
tracer/errmsg.h:
tracer/resolve.h:
bpf/match.h:
bpf/config.h:
