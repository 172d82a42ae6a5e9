build/obj/view_trace.o: tracer/view_trace.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/hooks.h tracer/view.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/view.h:
