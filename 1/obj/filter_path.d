1/obj/filter_path.o: tracer/filter_path.c tracer/errmsg.h \
 tracer/filter_parse.h bpf/config.h bpf/event.h
tracer/errmsg.h:
tracer/filter_parse.h:
bpf/config.h:
bpf/event.h:
