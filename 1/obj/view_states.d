1/obj/view_states.o: tracer/view_states.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/hooks.h tracer/view.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/view.h:
