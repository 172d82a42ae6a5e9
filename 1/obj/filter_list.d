1/obj/filter_list.o: tracer/filter_list.c tracer/errmsg.h \
 tracer/filter_parse.h bpf/config.h bpf/event.h
tracer/errmsg.h:
tracer/filter_parse.h:
bpf/config.h:
bpf/event.h:
