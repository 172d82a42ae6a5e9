1/obj/view_life.o: tracer/view_life.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/hooks.h tracer/view.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/view.h:
