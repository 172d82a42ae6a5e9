1/obj/view_record.o: tracer/view_record.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/hooks.h tracer/view.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/view.h:
